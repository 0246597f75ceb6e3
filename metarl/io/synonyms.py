"""Names under which laboratories keep the columns of a trial table, in any language."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

USUAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "subject": (
            *(
                "subject",
                "subjectid",
                "subjid",
                "subj",
                "subjidx",
                "sub",
                "participant",
            ),
            *("participantid", "animal", "animalid", "mouse", "rat", "monkey", "ppt"),
            *("pid", "prolificpid", "workerid", "id", "runid", "name"),
            *("sid", "person", "player", "patient", "subjectnr", "subjectnumber"),
        ),
        "session": ("session", "sessionid", "sess", "ses", "day", "date", "visit"),
        "episode": ("episode", "block", "blocknumber", "splitby", "game", "problem"),
        "trial": (
            *("trial", "trialnumber", "trialnum", "trialno", "trialindex", "triali"),
            *("trialsthisn", "trialsn", "thisn", "trialid", "t", "n"),
        ),
        "choice": (
            *("choice", "choice1", "c1", "response", "resp", "action", "chosen"),
            *("keyrespkeys", "level1choice", "stage1choice", "firstchoice", "option"),
            *("buttonpressed", "selected", "side", "key", "picked", "respchoice"),
        ),
        "reward": (
            *("reward", "outcome", "feedback", "feedbacktype", "rewarded", "rew"),
            *("points", "win", "won", "payoff", "r", "gain", "money"),
        ),
        "transition": ("transition", "trans", "common", "iscommon", "rare", "israre"),
        "second_state": (
            *("secondstate", "state2", "finalstate", "stage2state", "secondstage"),
            *("stepstwostate", "s2", "s", "state"),
        ),
        "second_choice": ("secondchoice", "choice2", "c2", "level2choice"),
        "valid": ("valid", "isvalid", "included", "slow", "missed", "timeout"),
        "forced": ("forced", "isforced", "forcedchoice"),
        "better": (
            *("better", "betteroption", "bestoption", "correctside", "correctoption"),
            *("correctresponse", "goodoption", "highside", "correctkey"),
        ),
        "schedule": ("schedule", "probability", "prob", "preward", "contingency"),
        "risky": ("risky", "chosenrisky", "risk", "gamble", "gambled"),
        "probability_risky": (
            *("probabilityrisky", "prisky", "riskyprobability", "probability", "prob"),
        ),
        "winner": ("winner", "outcome", "correctarm", "winningoption"),
        "magnitude_left": ("magnitudeleft", "magleft", "leftmag", "mag1", "pointsleft"),
        "magnitude_right": (
            *("magnituderight", "magright", "rightmag", "mag2", "pointsright"),
        ),
        "probability_right": ("probabilityright", "probright", "rightprob", "pright"),
        "rt": (
            *("rt", "reactiontime", "responsetime", "latency", "keyresprt"),
            *("choicert", "rt1", "resprt"),
        ),
        "correct": ("correct", "iscorrect", "accuracy", "acc"),
        "object": ("object", "chosenobject", "stimulus", "chosenstimulus"),
        "rewarded_object": ("rewardedobject", "correctobject", "targetobject"),
        "cue": ("cue", "cs", "shown"),
        "rewarded_cue": ("rewardedcue", "csplus"),
        "target": ("target", "bestarm"),
        "informative": ("informative", "informativearm"),
        "reward_safe": ("rewardsafe", "safe", "sure", "safeamount", "certain"),
        "reward_risky": ("rewardrisky", "riskyamount", "gambleamount", "high"),
        "reward_risky_else": ("rewardriskyelse", "loss", "low"),
        **{
            f"probability_{arm}": (f"probability{arm}", f"prob{arm}", f"parm{arm}")
            for arm in range(4)
        },
        **{
            f"mean_{arm}": (f"mean{arm}", f"mu{arm}", f"payoff{arm}")
            for arm in range(4)
        },
        "probability_left": ("probabilityleft", "probleft", "leftprob", "pleft", "p1"),
    }
)
"""metarl's column -> usual English names, without marks and case, the likeliest
first."""
FOREIGN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "subject": (
            *("vpn", "vp", "vpnr", "vpnummer", "vpcode", "versuchsperson", "proband"),
            *("probandin", "probandennummer", "tier", "maus", "ratte", "affe"),
            *("sujet", "souris", "singe", "sujeto", "participante", "raton", "mono"),
            *("soggetto", "partecipante", "topo", "proefpersoon", "deelnemer", "pp"),
            *("ppn", "ppnr", "muis", "dier", "sujeito"),
        ),
        "session": (
            *("sitzung", "termin", "tag", "seance", "jour", "sesion", "dia"),
            *("sessione", "giorno", "sessie", "dag", "sessao"),
        ),
        "episode": ("durchlauf", "bloc", "bloque", "blocco", "blok", "bloco"),
        "trial": (
            *("durchgang", "durchgangnr", "durchgangsnummer", "trialnr", "versuch"),
            *("versuchnr", "essai", "numessai", "ensayo", "prueba", "prova", "prove"),
            *("poging", "beurt", "tentativa"),
        ),
        "choice": (
            *("wahl", "taste", "antwort", "entscheidung", "gewahlt", "gewaehlt"),
            *("choix", "reponse", "touche", "eleccion", "respuesta", "tecla"),
            *("scelta", "risposta", "tasto", "keuze", "antwoord", "toets", "escolha"),
            *("resposta", "seite"),
        ),
        "reward": (
            *("belohnung", "belohnt", "gewinn", "punkte", "ergebnis", "ruckmeldung"),
            *("rueckmeldung", "recompense", "gains", "resultat", "recompensa"),
            *("ganancia", "premio", "puntos", "ricompensa", "vincita", "punti"),
            *("beloning", "winst", "punten", "pontos"),
        ),
        "transition": (
            "ubergang",
            "uebergang",
            "transicion",
            "transizione",
            "overgang",
        ),
        "valid": ("gultig", "gueltig", "valide", "valido", "geldig"),
        "better": (
            *("gut", "gute", "bessere", "besser", "bon", "bonne", "meilleur"),
            *("meilleure", "mejor", "buena", "bueno", "migliore", "buono", "beter"),
            *("goed", "goede", "melhor"),
        ),
        "rt": (
            *("rtms", "rts", "rtsec", "rtmsec", "reactiontimems", "reaktionszeit"),
            *("reaktionszeitms", "tr", "trms", "tempsdereaction", "tempsreaction"),
            *("tiemporeaccion", "tiempodereaccion", "temporeazione"),
            *("tempodireazione", "reactietijd", "temporeacao"),
        ),
        "correct": ("richtig", "korrekt", "juste", "correcto", "corretto", "juist"),
    }
)
"""metarl's column -> usual names in German, French, Spanish, Italian, Dutch and
Portuguese, without marks and case."""
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {ours: (*names, *FOREIGN.get(ours, ())) for ours, names in USUAL.items()}
)
"""metarl's column -> usual names, the likeliest first."""


def plain(name: str) -> str:
    """A name without case, blanks and marks; a letter with an accent as without."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[^a-z0-9]", "", letters)


def best_match(ours: str, names: Sequence[str]) -> str | None:
    """The column that most likely is one of metarl's; None if none is like it."""
    by_plain = {plain(name): name for name in reversed(names)}
    for word in SYNONYMS.get(ours, (plain(ours),)):
        if word in by_plain:
            return by_plain[word]
    close = difflib.get_close_matches(plain(ours), by_plain, 1, cutoff=0.8)
    return by_plain[close[0]] if close else None
