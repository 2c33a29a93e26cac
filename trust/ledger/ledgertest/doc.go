// Package ledgertest builds small, real ledgers in memory for tests: a national
// directory with three institutes' keys and three witnesses, registries, issuer
// keys, records and statuses, and from them checkpoints, tiles, a source to
// read them from and a ledger.View. Its trees are golang.org/x/mod's, so that
// what it serves does not depend on the code under test. Every key follows from
// its name. Only tests may import it.
//
//	n := ledgertest.NewNation()
//	city := n.AddRegistry("MA.156.1301", "sjz")
//	key := n.AddIssuer(city, "ID.SJZ.EXAMPLE")
//	i := city.Records.Append(entry)
//	city.Records.Pad()
//	view := n.View()
package ledgertest
