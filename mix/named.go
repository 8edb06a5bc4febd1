package mix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/climb-go/climb/wire"
)

// Encode writes m as a JSON object {"domain": share, ...} in the order of the
// domains: the form for people and for other programs.
func Encode(domains []string, m Mixture) ([]byte, error) {
	if len(domains) != len(m) {
		return nil, fmt.Errorf("encode mixture: %d shares for %d domains", len(m), len(domains))
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, name := range domains {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("encode mixture: %w", err)
		}
		value, err := json.Marshal(m[i])
		if err != nil {
			return nil, fmt.Errorf("encode mixture: share of %s: %w", name, err)
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Decode reads what Encode wrote. A domain that is not named has the share 0;
// a name that is no domain is an error. Shares are normalised.
func Decode(domains []string, data []byte) (Mixture, error) {
	var named map[string]float64
	if err := wire.JSON(data, &named); err != nil {
		return nil, fmt.Errorf("decode mixture: %w", err)
	}
	w, known := make([]float64, len(domains)), 0
	for i, name := range domains {
		v, ok := named[name]
		if ok {
			w[i], known = v, known+1
		}
	}
	if known < len(named) {
		var unknown []string
		for name := range named {
			if !slices.Contains(domains, name) {
				unknown = append(unknown, name)
			}
		}
		slices.Sort(unknown)
		return nil, fmt.Errorf("decode mixture: %q is not one of the %d domains", unknown[0], len(domains))
	}
	m, err := Normalize(w)
	if err != nil {
		return nil, fmt.Errorf("decode mixture: %w", err)
	}
	return m, nil
}
