package export

import "iter"

// A unitFile takes the documents of one unit, and ends.
type unitFile interface {
	add(d Doc) error
	end() error
}

// writeUnits writes the documents of each unit to a file of its own, which open
// makes: one for every unit, at least one, also where it holds no documents.
func writeUnits(p Part, docs iter.Seq2[Doc, error], open func(unit int) (unitFile, error)) error {
	var out unitFile
	unit := -1
	next := func() (err error) {
		if out != nil {
			if err := out.end(); err != nil {
				return err
			}
		}
		unit++
		out, err = open(unit)
		return err
	}
	for d, err := range docs {
		for err == nil && (out == nil || unit < d.Unit) {
			err = next()
		}
		if err == nil {
			err = out.add(d)
		}
		if err != nil {
			return err
		}
	}
	for unit+1 < max(1, p.Units) {
		if err := next(); err != nil {
			return err
		}
	}
	return out.end()
}
