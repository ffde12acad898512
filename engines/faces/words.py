"""A few words about a face set its sliders: "a smiling older woman with grey hair and glasses".

A small reader, no language model: a list of phrases, words that strengthen, weaken and negate them, and ages in
numbers. What it does not know it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engines.faces.values import Described

_BASE_YEARS = 32.0  # the age of a face at 0, where the directions' file does not say
# phrase -> sliders. Longer phrases win; a phrase whose sliders a model lacks counts as unknown.
_PHRASES: dict[str, dict[str, float]] = {
    "smiling|smiles|smile|happy|cheerful|friendly|glad|joyful": {"smile": 0.7},
    "grinning|laughing|laughs|beaming": {"smile": 0.9, "mouth_open": 0.6},
    "serious|sad|grim|stern|unsmiling|sullen|gloomy|angry": {"smile": -0.7},
    "neutral expression|neutral": {"smile": -0.3},
    "open mouth|mouth open|talking|shouting|singing|surprised|astonished": {"mouth_open": 0.8},
    "closed mouth|mouth closed|closed lips": {"mouth_open": -0.7},
    "open eyes|wide eyes|wide awake|big eyes|large eyes|wide-eyed": {"eyes": 0.7},
    "closed eyes|eyes closed|shut eyes|eyes shut|sleeping|asleep": {"eyes_shut": 1.0},
    "sleepy|tired|narrow eyes|small eyes|squinting": {"eyes": -0.7},
    "elderly|very old|ancient|wrinkled": {"age": 0.95},
    "old|older|aged|senior|grandmother|grandfather|grandma|grandpa": {"age": 0.7},
    "middle-aged|middle aged": {"age": 0.35},
    "young|younger|youthful|girl|boy|teenage|teenager|student": {"age": -0.7},
    "man|male|masculine|guy|gentleman|father|boy|he|grandfather|grandpa": {"masculine": 0.7},
    "woman|female|feminine|lady|mother|girl|she|grandmother|grandma": {"masculine": -0.7},
    "glasses|spectacles|eyeglasses|wearing glasses": {"glasses": 1.0},
    "full beard|bushy beard": {"beard": 1.0},
    "beard|bearded": {"beard": 0.9},
    "stubble|unshaven|stubbly|goatee|moustache|mustache": {"beard": 0.4},
    "clean-shaven|clean shaven|shaved|beardless": {"beard": -0.7},
    "black hair|dark hair|dark-haired|brunette|brown hair": {"hair_dark": 0.7},
    "blond|blonde|blond hair|blonde hair|fair hair|fair-haired|golden hair|light hair": {"hair_blond": 0.8},
    "grey hair|gray hair|white hair|silver hair|grey|gray|grey-haired|gray-haired|white-haired": {"hair_grey": 0.8},
    "fringe|bangs": {"fringe": 0.8},
    "makeup|make-up|lipstick|made up|made-up|eyeliner|mascara": {"makeup": 0.7},
    "natural look|bare-faced|barefaced": {"makeup": -0.7},
    "looking left|looks left|turned left|facing left": {"yaw": -0.7},
    "looking right|looks right|turned right|facing right": {"yaw": 0.7},
    "looking up|looks up": {"pitch": -0.7},
    "looking down|looks down": {"pitch": 0.7},
    "bright|brightly lit|sunny": {"exposure": 0.6},
    "dark|dim|dimly lit|in shadow|at night": {"exposure": -0.6},
    "warm light|warm|golden light|candlelight": {"warmth": 0.7},
    "cold light|cold|cool light|bluish": {"warmth": -0.7},
}
_STRONGER, _STRONG = (
    {"very", "really", "extremely", "strongly", "heavy", "broadly", "wide", "long", "thick", "big"},
    1.4,
)
_WEAKER, _WEAK = {"slightly", "little", "bit", "somewhat", "faintly", "light", "subtle", "fairly", "a-bit"}, 0.5
_NOT = {"no", "not", "without", "never", "isn't", "hardly", "doesn't", "don't", "minus", "neither", "non"}
_AGAIN = {"or", "nor"}  # what was denied before them is denied after them: no glasses or beard
# words that mean a photo's light, or hair, unless they belong to another thing: dark eyes, a warm smile, a grey suit
_LOOSE = {"dark", "dim", "bright", "warm", "cold", "grey", "gray", "light"}
_OF_LIGHT = {"light", "lighting", "photo", "picture", "portrait", "image", "scene", "tones", "colours", "colors"}
_PARTS = {"eyes", "eye", "mouth", "face", "expression", "skin", "lips", "nose"}
_NOTHING = {
    *("a", "an", "the", "with", "and", "who", "that", "is", "has", "have", "having", "wearing", "of", "in", "his"),
    *(
        "her",
        "their",
        "person",
        "someone",
        "somebody",
        "people",
        "face",
        "portrait",
        "photo",
        "picture",
        "hair",
        "eyes",
    ),
    *("looking", "looks", "years", "year", "aged", "age", "but", "also", "some", "very", "about", "around", "mouth"),
    *(
        "human",
        "any",
        "adult",
        "expression",
        "light",
        "to",
        "on",
        "at",
        "it",
        "i",
        "want",
        "please",
        "make",
        "me",
        "show",
    ),
}
_DECADES = {
    "twenties": 25,
    "thirties": 35,
    "forties": 45,
    "fifties": 55,
    "sixties": 65,
    "seventies": 75,
    "eighties": 84,
}


def read(text: str, entries: Sequence[Mapping[str, Any]]) -> Described:
    """What a text says about a face, in the sliders of these directions."""
    known = {str(entry["name"]): entry for entry in entries}
    tokens = re.findall(r"[a-z0-9à-ÿ]+(?:['’-][a-z0-9à-ÿ]+)*", text.lower().replace("’", "'"))
    table: dict[str, dict[str, float]] = {}
    for group, values in _PHRASES.items():
        for phrase in group.split("|"):
            table.setdefault(phrase, {}).update(values)  # a grandmother is old and a woman
    longest = max(len(phrase.split()) for phrase in table)
    sliders: dict[str, float] = {}
    understood: list[tuple[str, str, float]] = []
    ignored: list[str] = []
    factor, negated, denied, place = 1.0, False, False, 0
    while place < len(tokens):
        word, rest = tokens[place], tokens[place + 1 :]
        years, used = _years(tokens[place:])
        if years is not None and "age" in known:
            value = _age_value(years, known["age"])
            sliders["age"] = value
            understood.append((" ".join(tokens[place : place + used]), "age", value))
            factor, negated, denied, place = 1.0, False, False, place + used
            continue
        for length in range(min(longest, len(tokens) - place), 0, -1):
            phrase = " ".join(tokens[place : place + length])
            if length == 1 and phrase in _LOOSE | _STRONGER | _WEAKER:
                noun = _noun(phrase, rest, table)
                if noun is None:  # it says how somebody smiles, or what no slider does
                    smiles = bool(rest) and table.get(rest[0], {}).get("smile", 0.0) > 0
                    count = 1 if rest[0] in table else 2
                    ignored += [] if smiles else [" ".join(tokens[place : place + count])]
                    factor, negated, denied, place = 1.0, negated and smiles, False, place + count
                    break
                phrase = noun
            meant = {name: value for name, value in table.get(phrase, {}).items() if name in known}
            if meant:
                for name, value in meant.items():
                    strength = -value * 0.8 if negated else value * factor
                    least = -1.0 if float(known[name].get("low", -1.0)) < 0 else 0.0  # what only adds is left away
                    sliders[name] = round(float(min(max(strength, least), 1.0)), 3)
                    understood.append((f"no {phrase}" if negated else phrase, name, sliders[name]))
                factor, negated, denied, place = 1.0, False, negated, place + length
                break
        else:
            place += 1
            if word in _NOT or (word in _AGAIN and denied):
                negated = True
            elif word in _STRONGER:
                factor = _STRONG
            elif word in _WEAKER:
                factor = _WEAK
            elif word not in _NOTHING | _AGAIN:
                ignored.append(word)
                negated = denied = False
    return Described(sliders, tuple(understood), tuple(ignored))


def _noun(word: str, rest: list[str], table: Mapping[str, Mapping[str, float]]) -> str | None:
    """What an adjective means before the words that follow: itself, "dark hair" of "dark wavy hair", or None where it
    belongs to something that no slider changes.
    """
    if word not in _LOOSE:
        long_hair = bool(rest) and rest[0] in {"hair", *_PARTS} and f"{word} {rest[0]}" not in table
        return None if long_hair else word
    for near in [one for one in rest if one != "and"][:2]:
        if near == "hair":
            return f"{word} hair" if f"{word} hair" in table else word
        if near in table or near in _NOTHING or near in _PARTS:
            break
    if not rest or rest[0] in _OF_LIGHT or word == "light":
        return None if rest and word == "light" and rest[0] in _PARTS else word
    if rest[0] in table:  # a grey man has grey hair; what else a person is called, the light is not
        return word if word in ("grey", "gray") else None
    if rest[0] in _PARTS:
        return None
    return word if rest[0] in _NOTHING | _AGAIN | _NOT | _STRONGER | _WEAKER else None


def _years(tokens: list[str]) -> tuple[float | None, int]:
    """An age at the start of these words, and how many words it takes: 60 years old, 60-year-old, aged 60, forties."""
    head = " ".join(tokens[:5])
    for pattern in (
        r"(\d{2})(?:[ -]years?[ -]olds?)",
        r"(?:aged|age|about|around) (\d{2})(?: years)?(?: old)?\b",
        r"(\d{2}) years",
    ):
        match = re.match(pattern, head)
        if match:
            return float(match[1]), len(match[0].split())
    match = re.match(r"(?:early |mid |late )?(\w+)", head)
    if match and match[1] in _DECADES:
        return float(_DECADES[match[1]]), len(match[0].split())
    return None, 0


def _age_value(years: float, entry: Mapping[str, Any]) -> float:
    """The age slider for an age in years, by the direction's measured years per unit."""
    base = float(entry.get("base_years") or _BASE_YEARS)
    per_unit = float(entry.get("years_per_unit") or 0.0)
    reach = float(entry["high"]) if years > base else abs(float(entry["low"]))
    full = abs(per_unit * reach) or 35.0
    return round(float(min(max((years - base) / full, -1.0), 1.0)), 3)
