package task

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// A JSON object that no manifest lists carries its own checksum: its last field, "seal", is the SHA-256 (hex) of the bytes before
// it, without the space and the comma that part them. Plans, manifests, and what a stage makes of all its tasks are such objects.

const sealKey = `"seal":`

// Seal adds the seal to a JSON object.
func Seal(object []byte) []byte {
	body := bytes.TrimRight(object, " \n")
	body = bytes.TrimRight(bytes.TrimSuffix(body, []byte("}")), " \n")
	sum := sha256.Sum256(body)
	return fmt.Appendf(bytes.Clone(body), ",\n %s \"%x\"\n}\n", sealKey, sum)
}

// Unseal returns the object without its seal. It is an error if the seal is not that of the object; an object without one, which
// an earlier version has written, is returned as it is, with false.
func Unseal(data []byte) (object []byte, sealed bool, err error) {
	at := bytes.LastIndex(data, []byte(sealKey))
	if at < 0 {
		return data, false, nil
	}
	var seal string
	end, closed := bytes.CutSuffix(bytes.TrimRight(data[at+len(sealKey):], " \n"), []byte("}"))
	if !closed || json.Unmarshal(end, &seal) != nil {
		return data, false, nil // a field of that name somewhere else
	}
	body, ok := bytes.CutSuffix(bytes.TrimRight(data[:at], " \n"), []byte(","))
	if sum := sha256.Sum256(body); !ok || seal != hex.EncodeToString(sum[:]) {
		return nil, true, errSeal
	}
	return append(body[:len(body):len(body)], "\n}\n"...), true, nil
}

var errSeal = fmt.Errorf("its content has changed since it was written (the seal at its end is of other bytes)")

// WriteSealed writes v, which must become a JSON object, as WriteFile does, with a seal.
func WriteSealed(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return Permanent(fmt.Errorf("write %s: %w", path, err))
	}
	return WriteFile(path, Seal(data))
}

// ReadJSON decodes a file, whose seal must be right if it has one.
func ReadJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	object, _, err := Unseal(data)
	if err != nil {
		return Permanent(&DamageError{Path: path, Why: err.Error(), Remove: path})
	}
	if err := json.Unmarshal(object, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
