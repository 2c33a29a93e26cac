// Package registry is a registry's office: it allocates identifiers, issues codes and runs the ledger for them.
//
// The national registry runs the directory and, for what lies directly below its own prefix, a records and a status log; a city registry runs a
// records and a status log. All are C2SP tlog-tiles logs kept by Tessera on the file system, cosigned by witnesses before they are published:
//
//	err := registry.Create(dir, registry.Config{Prefix: "MA.156.1301", Short: "sjz", ...}) // keys and configuration, no log yet
//	r, err := registry.Open(ctx, dir, registry.Options{})                                   // logs
//	issued, err := r.Issue(ctx, []registry.Request{{Identifier: "MA.156.1301.01/LAMP.000421"}})
//	err = r.Seal(ctx)                      // pads the batch: from now on codes carry their path
//	c, err := r.Sealed(ctx, issued[0].Index)
//	err = r.Publish(ctx)                   // waits until witnesses have cosigned all of it
//
// # Folder
//
//	registry.json           configuration, see Config
//	keys/issuer.seed        issuer key: Ed25519 seed, 64 hex digits and a newline; or "es256 " or "sm2 " and a secret number of 64 hex digits
//	keys/{log}.skey         log key, C2SP signing key text, after n changes {log}.{n}.skey; also allocation.skey and, nationally,
//	                        directory-*.skey of the institutes whose keys are kept here
//	books/{log}.jsonl       what was decided, before it is logged; see below
//	books/pending.jsonl     personal records that wait for their batch to be sealed
//	books/{log}.index       where the records are, by identifier and request; made anew when it is missing. Also index/, of resolvers and monitors
//	public/{log}/...        the log as tlog-tiles serves it, and nationally root.json, the root policy that gateways start from, and directory/rotation/{n}
//
// With a PKCS #11 token (Config.Token), the file of a key holds its URI instead, package pkcs11key; the label of a key that signs notes is its name.
//
// Keys and books have mode 0600; public/ is all that a file server, a mirror or [Handler] may show (`.state` in it is Tessera's, and of no use to others).
//
// # What it promises
//
// A book is the write-ahead record of its log: rows get their index in the book, the book is synced, and only then the entries go to the log, in
// the same order. So the log is at any moment a prefix of the book. Whatever a crash interrupts, the next operation first brings the log up to the book, and
// a request that is made again gets what it got before. A lock on the folder, held for each operation, makes this hold for several processes; the index
// that the log gives is compared with the book's for every entry. One identifier has one live record at a time.
package registry
