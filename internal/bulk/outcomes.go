package bulk

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sixty/internal/crm"
)

// What stages of these outcomes are called, in English, German, French, Spanish, Portuguese,
// Italian, Dutch, Swedish, Danish, Norwegian, Polish and Czech: without accents, one word each.
var outcomeWords = func() map[string]crm.Outcome {
	outcomes := map[string]crm.Outcome{}
	for outcome, words := range map[crm.Outcome]string{
		crm.OutcomeWon: `won gewonnen gewonnene gewonnener gewonnenes gagne gagnee gagnes gagnees remporte remportee
ganado ganada ganados ganadas gano ganho ganha ganhos ganhas ganhou vinto vinta vinti vinte
vunnen vunnet vunna vundet vundne vunne wygrana wygrany wygrane wygrano wygrany
vyhrano vyhran vyhrana vyhrane vyhrany`,
		crm.OutcomeLost: `lost verloren verlorene verlorener verlorenes perdu perdue perdus perdues
perdido perdida perdidos perdidas perdio perdeu perso persa persi perse perduto perduta
forlorad forlorat forlorade tabt tabte tapt tapte przegrana przegrany przegrane przegrano utracona utracony utracone
prohrano prohran prohrana prohrane prohrany ztraceno ztracen ztracena ztracene ztraceny`,
	} {
		for word := range strings.FieldsSeq(words) {
			outcomes[word] = outcome
		}
	}
	return outcomes
}()

var (
	// outcomePrefixes are what is written together with such a word, as in closedwon.
	outcomePrefixes = []string{"closed", "close", "deal", "geschlossen", "abgeschlossen", "cerrado", "cerrada", "fechado", "fechada"}
	// doubts are the words that say before such a word that it is not so, or not yet.
	doubts = strings.Fields("not never almost nearly be being nicht nie noch fast kein pas non jamais presque no nunca casi nao quase mai quasi niet nooit bijna inte aldrig nastan ikke aldri nesten naesten nigdy prawie ne neni nikdy temer")
	// reaching doubts may have one more word in between, as in "not yet won".
	reachingDoubts = []string{"not", "nicht", "pas", "inte", "ikke", "niet"}
)

// OutcomeOf returns the outcome that a stage has by its name: won or lost where it has a word for
// one of them, in any place and spelling, and open where it has none, or both, or says that it is
// not so.
func OutcomeOf(name string) crm.Outcome {
	words := wordsOf(name)
	if slices.Equal(words, []string{"signed"}) {
		return crm.OutcomeWon
	}
	outcome := crm.OutcomeOpen
	for i, word := range words {
		meant, ok := outcomeWords[word]
		for _, prefix := range outcomePrefixes {
			if rest, cut := strings.CutPrefix(word, prefix); cut && !ok {
				meant, ok = outcomeWords[rest]
			}
		}
		switch {
		case !ok || word == "lost" && slices.Contains(words[i+1:], "found"): // lost and found
		case doubted(words[:i]) || outcome != crm.OutcomeOpen && outcome != meant:
			return crm.OutcomeOpen
		default:
			outcome = meant
		}
	}
	return outcome
}

// doubted reports whether words say that the one after them is not so.
func doubted(before []string) bool {
	n := len(before)
	return n > 0 && slices.Contains(doubts, before[n-1]) || n > 1 && slices.Contains(reachingDoubts, before[n-2])
}

// wordsOf returns the words of a name in lower case and without accents. Apostrophes are part of
// a word, which "won't" is; a capital after a small letter begins one.
func wordsOf(name string) []string {
	const apostrophes = "'’´`ʼ"
	var b strings.Builder
	small := false
	for _, r := range norm.NFD.String(name) {
		switch {
		case unicode.Is(unicode.Mn, r) || r >= 0x80 && unicode.Is(unicode.Cf, r):
			continue
		case small && unicode.IsUpper(r):
			b.WriteByte(' ')
		case !unicode.IsLetter(r) && !strings.ContainsRune(apostrophes, r):
			r = ' '
		}
		small = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	words := strings.Fields(b.String())
	for i := range words {
		words[i] = strings.Trim(words[i], apostrophes)
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}
