package crm

import "encoding/json"

// JSON is a JSON text in a column; "" for none.
type JSON string

// MarshalJSON returns the text; null for none.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == "" {
		return []byte("null"), nil
	}
	return []byte(j), nil
}

// EncodeJSON returns a value as JSON; "" for nil.
func EncodeJSON(v any) (JSON, error) {
	if v == nil {
		return "", nil
	}
	text, err := json.Marshal(v)
	return JSON(text), err
}

// Decode decodes the text into a value; "" leaves it as it is.
func (j JSON) Decode(into any) error {
	if j == "" {
		return nil
	}
	return json.Unmarshal([]byte(j), into)
}
