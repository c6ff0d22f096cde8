package cells

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Amount is an amount, and the currency that stands beside it.
type Amount struct {
	Value    crm.Money
	Currency string // of ISO 4217; "" where the cell names none
	Sign     string // a sign of several currencies: the row or the file decides which it is
}

// Fits reports whether the cell may mean an amount in a currency.
func (a Amount) Fits(currency string) bool {
	return (a.Currency == "" || a.Currency == currency) && (a.Sign == "" || slices.Contains(CurrenciesOf(a.Sign), currency))
}

// currencySigns are the signs and abbreviations of currencies, in lower case, and what they
// may stand for. The pound sign stands for sterling: other pounds are written otherwise, or
// are worth one.
var currencySigns = map[string][]string{
	"$":  {"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU"},
	"kr": {"SEK", "NOK", "DKK", "ISK"},
	"¥":  {"JPY", "CNY"},
	"rs": {"INR", "PKR", "LKR", "NPR", "MUR"},

	"£": {"GBP"}, "€": {"EUR"}, "us$": {"USD"}, "u$s": {"USD"}, "a$": {"AUD"}, "au$": {"AUD"}, "c$": {"CAD"}, "ca$": {"CAD"},
	"nz$": {"NZD"}, "s$": {"SGD"}, "sg$": {"SGD"}, "hk$": {"HKD"}, "nt$": {"TWD"}, "mx$": {"MXN"}, "mex$": {"MXN"}, "r$": {"BRL"},
	"ar$": {"ARS"}, "co$": {"COP"}, "skr": {"SEK"}, "nkr": {"NOK"}, "dkr": {"DKK"}, "íkr": {"ISK"}, "zł": {"PLN"}, "kč": {"CZK"},
	"ft": {"HUF"}, "lei": {"RON"}, "лв": {"BGN"}, "fr": {"CHF"}, "sfr": {"CHF"}, "jp¥": {"JPY"}, "cn¥": {"CNY"}, "￥": {"JPY", "CNY"},
	"円": {"JPY"}, "元": {"CNY"}, "₹": {"INR"}, "₺": {"TRY"}, "tl": {"TRY"}, "₽": {"RUB"}, "руб": {"RUB"}, "₴": {"UAH"}, "грн": {"UAH"},
	"₪": {"ILS"}, "₩": {"KRW"}, "₫": {"VND"}, "฿": {"THB"}, "₱": {"PHP"}, "₦": {"NGN"}, "₸": {"KZT"}, "₾": {"GEL"}, "₵": {"GHS"},
	"r": {"ZAR"}, "rm": {"MYR"}, "rp": {"IDR"},
}

// dotted are the abbreviations that are also written with a point behind them.
var dotted = []string{"kr", "rs", "fr", "sfr", "лв", "руб", "грн", "rp"}

// CurrenciesOf returns the currencies that a sign may stand for; none if there is no such sign.
func CurrenciesOf(sign string) []string { return currencySigns[strings.ToLower(sign)] }

// CurrencyOf returns the code of a currency that a cell names by its code or sign, or the sign
// if it has several. Both are "" for another text.
func CurrencyOf(cell string) (code, sign string) { return currencyOf(clean(cell)) }

// maxCurrency is more than the longest sign or code has, in bytes.
const maxCurrency = 12

// currencyPart reports whether a sign or code of a currency may contain the character.
func currencyPart(c rune) bool { return unicode.Is(unicode.Sc, c) || unicode.IsLetter(c) }

// currencyBefore takes the currency that the body begins with, and returns its length; 0 if
// it begins with none.
func (n *notation) currencyBefore() int {
	end := 0
	for end < len(n.body) && end < maxCurrency {
		c, size := utf8.DecodeRuneInString(n.body[end:])
		if !currencyPart(c) {
			break
		}
		end += size
	}
	token := n.body[:end]
	if strings.HasPrefix(n.body[end:], ".") && slices.Contains(dotted, strings.ToLower(token)) {
		end++
	}
	return n.currencyIs(token, end)
}

// currencyAfter is currencyBefore for the end of the body.
func (n *notation) currencyAfter() int {
	rest := n.body
	token, point := strings.CutSuffix(rest, ".")
	end := len(token)
	for end > 0 && len(token)-end < maxCurrency {
		c, size := utf8.DecodeLastRuneInString(token[:end])
		if !currencyPart(c) {
			break
		}
		end -= size
	}
	token = token[end:]
	if point && !slices.Contains(dotted, strings.ToLower(token)) {
		return 0
	}
	return n.currencyIs(token, len(rest)-end)
}

// currencyIs notes a currency of a length in the cell; 0 if it is none or the third.
func (n *notation) currencyIs(token string, length int) int {
	if code, sign := currencyOf(token); code == "" && sign == "" || n.second != "" {
		return 0
	}
	if n.currency == "" {
		n.currency = token
	} else {
		n.second = token
	}
	return length
}

// currencyOf returns the code of a currency, or its sign if that has several.
func currencyOf(token string) (code, sign string) {
	if codes := CurrenciesOf(token); len(codes) == 1 {
		return codes[0], ""
	} else if len(codes) > 1 {
		return "", strings.ToLower(token)
	}
	if len(token) == 3 && ascii(token) {
		if code, ok := crm.ValidCurrency(token); ok {
			return code, ""
		}
	}
	return "", ""
}

// Currency returns the code of a currency, which may be written as its sign.
func (r *Reader) Currency(cell string) (string, error) {
	cell = clean(cell)
	code, sign := currencyOf(cell)
	switch {
	case sign != "":
		return "", rejected(cell, "must be one currency: may be %s", strings.Join(CurrenciesOf(sign), ", "))
	case code == "":
		return "", rejected(cell, "must be an ISO 4217 currency such as GBP")
	}
	return code, nil
}

// Money returns an amount. Of an amount with more than two decimals that are not zero the
// error is an *Inexact, and the value is rounded half away from zero.
func (r *Reader) Money(cell string) (Amount, error) {
	cell = clean(cell)
	if minor, ok := plainMoney(cell, r.decimal); ok {
		return Amount{Value: crm.Money(minor)}, nil
	}
	return r.money(cell)
}

func (r *Reader) money(cell string) (Amount, error) {
	n, err := cut(cell)
	if err != nil || n.percent {
		return Amount{}, rejected(cell, "%w", errNotNumber)
	}
	var a Amount
	if n.currency != "" {
		a.Currency, a.Sign = currencyOf(n.currency)
	}
	if n.second != "" {
		code, sign := currencyOf(n.second)
		other := Amount{Currency: code, Sign: sign}
		switch {
		case code != "" && a.Fits(code):
			a = other
		case a.Currency == "" || !other.Fits(a.Currency):
			return Amount{}, rejected(cell, "must name one currency, not %s and %s", n.currency, n.second)
		}
	}
	v, err := r.number(cell, &n)
	if err != nil {
		return Amount{}, err
	}
	minor, exact, ok := v.scaled(2)
	if a.Value = crm.Money(minor); !ok || a.Value > crm.MaxMoney || a.Value < -crm.MaxMoney {
		return Amount{}, rejected(cell, "must be between -%s and %s", crm.MaxMoney, crm.MaxMoney)
	}
	if !exact {
		return a, inexact(cell, "has more than two decimal places (rounded: %s)", a.Value)
	}
	return a, nil
}

// Whole returns a whole number. Of another one the error is an *Inexact, and the value is
// rounded half away from zero.
func (r *Reader) Whole(cell string) (int, error) {
	cell = clean(cell)
	n, err := cut(cell)
	if err != nil || n.percent || n.currency != "" {
		return 0, rejected(cell, "%w", errNotNumber)
	}
	v, err := r.number(cell, &n)
	if err != nil {
		return 0, err
	}
	return whole(cell, &v, 0)
}

// maxWhole is beyond all numbers that members have.
const maxWhole = 1<<31 - 1

func whole(cell string, v *number, places int) (int, error) {
	w, exact, ok := v.scaled(places)
	if !ok || w > maxWhole || w < -maxWhole {
		return 0, rejected(cell, "must be between -%d and %d", maxWhole, maxWhole)
	}
	if !exact {
		return int(w), inexact(cell, "is not whole (rounded: %d)", w)
	}
	return int(w), nil
}
