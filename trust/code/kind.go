package code

// Kinds of identified things, claim 3: this project's own list. A number that
// is not on it is a kind like any other, for which a policy's default holds.
const (
	KindUnspecified  = 0
	KindStreetAsset  = 1 // lamps, covers, bins, benches, signs
	KindBuilding     = 2 // buildings and doors
	KindOrganisation = 3 // offices and cities, named by their nodes
	KindVehicle      = 4
	KindEquipment    = 5 // metered and inspected machines, gateways among them
	KindProduct      = 6
	KindDocument     = 7 // certificates and notices on paper
	KindPermit       = 8 // the right to do or be somewhere
	KindTicket       = 9
	KindCredential   = 10 // personal
	KindStaff        = 11 // of those who look after a kiosk: opens its staff mode
)

var kindNames = [...]string{
	KindUnspecified:  "unspecified",
	KindStreetAsset:  "street-asset",
	KindBuilding:     "building",
	KindOrganisation: "organisation",
	KindVehicle:      "vehicle",
	KindEquipment:    "equipment",
	KindProduct:      "product",
	KindDocument:     "document",
	KindPermit:       "permit",
	KindTicket:       "ticket",
	KindCredential:   "credential",
	KindStaff:        "staff",
}

// KindName returns the name of a kind, or "" for one that is not on the list.
func KindName(kind uint64) string {
	if kind >= uint64(len(kindNames)) {
		return ""
	}
	return kindNames[kind]
}

// KindOf returns the kind with a name that KindName gives.
func KindOf(name string) (uint64, bool) {
	for kind, n := range kindNames {
		if n == name {
			return uint64(kind), true
		}
	}
	return 0, false
}
