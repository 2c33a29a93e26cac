// The part of SQLite's stable interface that the shim stands in; see https://sqlite.org/c3ref/io_methods.html and
// https://sqlite.org/c3ref/vfs.html.
#include <stdint.h>

typedef int64_t sqlite3_int64;
typedef struct sqlite3_file sqlite3_file;
typedef struct sqlite3_vfs sqlite3_vfs;

typedef struct sqlite3_io_methods {
	int iVersion;
	int (*xClose)(sqlite3_file *);
	int (*xRead)(sqlite3_file *, void *, int, sqlite3_int64);
	int (*xWrite)(sqlite3_file *, const void *, int, sqlite3_int64);
	int (*xTruncate)(sqlite3_file *, sqlite3_int64);
	int (*xSync)(sqlite3_file *, int);
	void *rest[14];
} sqlite3_io_methods;

struct sqlite3_file {
	const sqlite3_io_methods *pMethods;
};

struct sqlite3_vfs {
	int iVersion;
	int szOsFile;
	int mxPathname;
	sqlite3_vfs *pNext;
	const char *zName;
	void *pAppData;
	int (*xOpen)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
};

extern sqlite3_vfs *sqlite3_vfs_find(const char *);

int shim_install(void);
void shim_fail(int kind, int nth, int persist, int sticky);
int shim_failed(void);
void shim_record(int on);
int shim_count(void);

typedef struct {
	int kind;
	const char *name;
	sqlite3_int64 offset;
	const void *data;
	int size;
} shim_op;

shim_op shim_at(int i);
