package bulk_test

import (
	"testing"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	for want, names := range map[crm.Outcome][]string{
		crm.OutcomeWon: {
			"Won", "WON", "Won!", "Deal Won", "closed won", "Closed Won (Sales Pipeline)", "closedwon", "ClosedWon", "Closed - Won", "CLOSED  WON",
			"100% won", "Signed", "won: contract signed", "Gewonnen", "Geschlossen gewonnen", "Abgeschlossen (gewonnen)", "Gagné", "GAGNÉE", "Gagne\u0301", "Remporté",
			"Ganado", "Cerrada ganada", "Ganho", "Fechado Ganho", "Vinto", "Chiusa vinta", "Vunnen", "Vundet", "Vunnet", "Wygrana", "Vyhráno", "Dealwon", "\u200eWon\u200b",
		},
		crm.OutcomeLost: {
			"Lost", "lost", "Closed Lost", "closedlost", "Closed-Lost to Competition", "CLOSED  LOST", "Lost - no budget", "Lost (price, not features)",
			"Verloren", "Perdu", "Affaire perdue", "l’affaire est perdue", "Perdido", "Cerrado perdido", "Perso", "Persa", "Förlorad", "Tabt", "Tapt", "Przegrana", "Prohráno", "Ztraceno",
		},
		crm.OutcomeOpen: {
			"", "Lead", "Negotiation/Review", "Contract Signed", "Wonderland", "Wonder", "Lost & found department", "Lost and Found", "Lostwithiel", "Won't buy", "Won’t do",
			"Not won", "not yet won", "Nicht gewonnen", "Noch nicht gewonnen", "Pas gagné", "Non vinto", "No ganado", "Não ganho", "Niet gewonnen", "Inte vunnen", "Ikke vundet", "Nie wygrana",
			"Almost won", "To be won", "Won or lost", "Won/Lost", "Gewonnen oder verloren", "Closed", "Kowonka", "Twonk",
		},
	} {
		for _, name := range names {
			if got := bulk.OutcomeOf(name); got != want {
				t.Errorf("%q is %s, want %s", name, got, want)
			}
		}
	}
}
