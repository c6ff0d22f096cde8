package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Default returns the default settings.
func Default() Config {
	var c Config
	setDefaults(reflect.ValueOf(&c.Base).Elem())
	setDefaults(reflect.ValueOf(&c.Server).Elem())
	return c
}

// Variables returns the environment variables of all settings.
func Variables() []string {
	return append(variables(reflect.TypeFor[Base]()), variables(reflect.TypeFor[Server]())...)
}

func variables(settings reflect.Type) []string {
	var all []string
	for i := range settings.NumField() {
		f := settings.Field(i)
		if f.Anonymous {
			all = append(all, variables(f.Type)...)
			continue
		}
		all = append(all, f.Tag.Get("env"))
	}
	return all
}

// NameOf returns the user-visible name of a field of a settings struct, such as
// "--port (PORT)".
func NameOf(settings any, field string) string {
	f, ok := reflect.TypeOf(settings).FieldByName(field)
	if !ok {
		panic("config: unknown setting " + field)
	}
	return "--" + f.Tag.Get("name") + " (" + f.Tag.Get("env") + ")"
}

// Differences returns the names of the settings in which two configurations differ.
func Differences(a, b Config) []string {
	return append(differences(reflect.ValueOf(a.Base), reflect.ValueOf(b.Base)), differences(reflect.ValueOf(a.Server), reflect.ValueOf(b.Server))...)
}

func differences(a, b reflect.Value) (names []string) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		switch {
		case f.Anonymous:
			names = append(names, differences(a.Field(i), b.Field(i))...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			names = append(names, f.Tag.Get("env"))
		}
	}
	return names
}

// setDefaults sets the defaults from the struct tags. It panics if a tag does not parse,
// which a test prevents.
func setDefaults(settings reflect.Value) {
	for i := range settings.NumField() {
		if settings.Type().Field(i).Anonymous {
			setDefaults(settings.Field(i))
			continue
		}
		text, ok := settings.Type().Field(i).Tag.Lookup("default")
		if !ok {
			continue
		}
		if err := setText(settings.Field(i), text); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", settings.Type().Field(i).Name, err))
		}
	}
}

func setText(v reflect.Value, text string) error {
	switch dst := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return dst.UnmarshalText([]byte(text))
	case *time.Duration:
		d, err := time.ParseDuration(text)
		*dst = d
		return err
	case *int:
		n, err := strconv.Atoi(text)
		*dst = n
		return err
	case *string:
		*dst = text
		return nil
	case *[]string:
		*dst = strings.Split(text, ",")
		return nil
	}
	return fmt.Errorf("unsupported type %s", v.Type())
}
