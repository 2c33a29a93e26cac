#include "shim.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 3 };
enum { FULL = 13, IOERR_WRITE = 778, IOERR_FSYNC = 1034, IOERR_TRUNCATE = 1546 };
enum { FILES = 256, TABLES = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards everything below

static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static struct { const sqlite3_io_methods *real; sqlite3_io_methods ours; } tables[TABLES];
static struct { sqlite3_file *file; const char *name; } files[FILES];
static int fail_kind, fail_nth, fail_persist, fail_sticky, failed;
static int recording, ops_len, ops_cap;
static shim_op *ops;

static const sqlite3_io_methods *real(sqlite3_file *f) {
	for (int i = 0; i < TABLES; i++)
		if (f->pMethods == &tables[i].ours) return tables[i].real;
	abort();
}

// note remembers what happened to a file. The lock is held.
static void note(int kind, sqlite3_file *f, sqlite3_int64 offset, const void *data, int size) {
	if (!recording) return;
	const char *name = "";
	for (int i = 0; i < FILES; i++)
		if (files[i].file == f) name = files[i].name;
	if (ops_len == ops_cap) {
		ops_cap = ops_cap ? 2 * ops_cap : 1024;
		ops = realloc(ops, ops_cap * sizeof *ops);
		if (!ops) abort();
	}
	void *copy = NULL;
	if (size > 0) {
		copy = malloc(size);
		if (!copy) abort();
		memcpy(copy, data, size);
	}
	ops[ops_len++] = (shim_op){kind, name, offset, copy, size};
}

// due says whether this call is the one that fails. The lock is held.
static int due(int kind) {
	if (kind != fail_kind) return 0;
	if (fail_nth > 0 && --fail_nth > 0) return 0;
	if (!fail_sticky) fail_kind = 0;
	failed++;
	return 1;
}

static int through(int kind, sqlite3_file *f, const void *data, int size, sqlite3_int64 offset, int flags) {
	pthread_mutex_lock(&lock);
	int fails = due(kind), persist = fail_persist, rc = 0;
	const sqlite3_io_methods *m = real(f);
	if (!fails || persist) {
		switch (kind) {
		case WRITE: rc = m->xWrite(f, data, size, offset); break;
		case SYNC: rc = m->xSync(f, flags); break;
		case TRUNCATE: rc = m->xTruncate(f, offset); break;
		}
		if (rc == 0) note(kind, f, offset, data, kind == WRITE ? size : 0);
	}
	pthread_mutex_unlock(&lock);
	if (!fails) return rc;
	return kind == WRITE ? IOERR_WRITE : kind == SYNC ? IOERR_FSYNC : IOERR_TRUNCATE;
}

static int our_write(sqlite3_file *f, const void *b, int n, sqlite3_int64 at) { return through(WRITE, f, b, n, at, 0); }
static int our_sync(sqlite3_file *f, int flags) { return through(SYNC, f, NULL, 0, 0, flags); }
static int our_truncate(sqlite3_file *f, sqlite3_int64 size) { return through(TRUNCATE, f, NULL, 0, size, 0); }

static int our_close(sqlite3_file *f) {
	pthread_mutex_lock(&lock);
	const sqlite3_io_methods *m = real(f);
	for (int i = 0; i < FILES; i++)
		if (files[i].file == f) files[i].file = NULL;
	pthread_mutex_unlock(&lock);
	return m->xClose(f);
}

static int our_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
	int rc = real_open(vfs, name, f, flags, out);
	if (rc != 0 || !f->pMethods) return rc;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < TABLES; i++) {
		if (tables[i].real && tables[i].real != f->pMethods) continue;
		if (!tables[i].real) {
			tables[i].real = f->pMethods;
			tables[i].ours = *f->pMethods;
			tables[i].ours.xClose = our_close;
			tables[i].ours.xWrite = our_write;
			tables[i].ours.xSync = our_sync;
			tables[i].ours.xTruncate = our_truncate;
		}
		f->pMethods = &tables[i].ours;
		break;
	}
	for (int i = 0; i < FILES; i++)
		if (!files[i].file) {
			files[i].file = f;
			files[i].name = strdup(name ? name : "");
			break;
		}
	pthread_mutex_unlock(&lock);
	return rc;
}

int shim_install(void) {
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	if (!vfs) return 1;
	if (vfs->xOpen == our_open) return 0;
	real_open = vfs->xOpen;
	vfs->xOpen = our_open;
	return 0;
}

void shim_fail(int kind, int nth, int persist, int sticky) {
	pthread_mutex_lock(&lock);
	fail_kind = kind, fail_nth = nth, fail_persist = persist, fail_sticky = sticky, failed = 0;
	pthread_mutex_unlock(&lock);
}

int shim_failed(void) {
	pthread_mutex_lock(&lock);
	int n = failed;
	pthread_mutex_unlock(&lock);
	return n;
}

void shim_record(int on) {
	pthread_mutex_lock(&lock);
	recording = on;
	if (on) {
		for (int i = 0; i < ops_len; i++) free((void *)ops[i].data);
		ops_len = 0;
	}
	pthread_mutex_unlock(&lock);
}

int shim_count(void) {
	pthread_mutex_lock(&lock);
	int n = ops_len;
	pthread_mutex_unlock(&lock);
	return n;
}

shim_op shim_at(int i) {
	pthread_mutex_lock(&lock);
	shim_op op = ops[i];
	pthread_mutex_unlock(&lock);
	return op;
}
