"""Writes unicode.txt, the properties of characters as Hugging Face's tokenizers see them, by asking it about every code point:

    python3 make_unicode.py

The crates behind it follow different versions of Unicode, and .NET's tables yet another, so that only asking gives equal ids.
A line is a table: its name, then entries with numbers in hexadecimal. Runs (first code point, value) hold to the next run.

classes     runs of flags: 1 white space, 2 numeric, 4 punctuation, 8 word character (\\w), 10 combining mark,
            20 removed by BERT's cleaning, 40 non-spacing mark
ccc         runs of canonical combining classes
canonical   one step of canonical decomposition, CODE=PART[+PART], with ! where the parts do not compose again
compatible  whole compatibility decompositions that are not the canonical ones
lower       lower-case forms
scripts     runs of numbers of scripts, in the order in which they come first; 0 for what belongs to any
"""

import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

ALL = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)


def runs(values):
    out, previous = [], None
    for code, value in values:
        if value != previous:
            out.append(f"{code:x}:{value:x}")
            previous = value
    return out


def spell(text):
    return "+".join(f"{ord(c):x}" for c in text)


def is_isolated(splitter, character):
    return len(splitter.pre_tokenize_str("a" + character + "a")) > 1


def classes():
    space, digits, punctuation, words = (
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(), pre_tokenizers.Punctuation(), pre_tokenizers.Whitespace())
    strip = normalizers.StripAccents()
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    nonspacing = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    for code in ALL:
        c = chr(code)
        flags = 1 * is_isolated(space, c) + 2 * is_isolated(digits, c) + 4 * is_isolated(punctuation, c)
        flags += 8 * (len(words.pre_tokenize_str("a" + c + "a")) == 1)
        flags += 0x10 * (strip.normalize_str(c) == "") + 0x20 * (clean.normalize_str(c) == "")
        flags += 0x40 * (nonspacing.normalize_str(c) == "")
        yield code, flags


def combining_classes(nfd):
    by_class = {}
    for code in range(0x300, 0x1D200):   # the first of each class is an old character that every table knows
        value = unicodedata.combining(chr(code))
        if value:
            by_class.setdefault(value, chr(code))
    by_class.pop(6)   # its only characters are newer than the reference's table, as is the first of class 218
    by_class[218] = "\u302a"
    for code in ALL:
        c = chr(code)
        value = unicodedata.combining(c)
        if nfd.normalize_str(c) != c:
            value = 0   # never seen: it is decomposed first
        elif value:
            below = [k for k, mark in by_class.items() if mark != c and nfd.normalize_str("a" + c + mark) == "a" + mark + c]
            above = [k for k, mark in by_class.items() if mark != c and nfd.normalize_str("a" + mark + c) == "a" + c + mark]
            fits = [k for k in by_class if all(b < k for b in below) and all(a > k for a in above) and len(below) + len(above) == len(by_class) - 1]
            assert fits in ([value], []), (hex(code), value, fits)
            value = fits[0] if fits else 0
        else:
            assert nfd.normalize_str("a" + c + "\u0334") == "a" + c + "\u0334", hex(code)
        yield code, value


def scripts():
    splitter = pre_tokenizers.UnicodeScripts()

    def is_same(first, second):
        return len(splitter.pre_tokenize_str(first + second)) == 1

    examples, previous, value = [], None, 0
    for code in ALL:
        c = chr(code)
        if is_same("a", c) and is_same("\u0431", c):
            value, previous = 0, None
        elif previous is None or not is_same(previous, c):
            value = next((i + 1 for i, example in enumerate(examples) if is_same(example, c)), 0)
            if value == 0:
                examples.append(c)
                value = len(examples)
            previous = c
        yield code, value


def main():
    nfc, nfd, nfkd, lower = normalizers.NFC(), normalizers.NFD(), normalizers.NFKD(), normalizers.Lowercase()
    canonical, compatible, lowered, steps = [], [], [], {}
    for code in ALL:
        c = chr(code)
        whole = nfd.normalize_str(c)
        if whole != c and code not in HANGUL:
            step = unicodedata.decomposition(c)
            assert step and not step.startswith("<"), hex(code)
            parts = "".join(chr(int(p, 16)) for p in step.split())
            steps[c] = parts
            canonical.append(f"{code:x}={spell(parts)}" + ("" if nfc.normalize_str(c) == c else "!"))
    for code in ALL:
        c = chr(code)
        whole = nfd.normalize_str(c)
        compatibility = nfkd.normalize_str(c)
        again = "".join(nfkd.normalize_str(d) for d in whole)
        assert again == compatibility or nfd.normalize_str(again) == compatibility, hex(code)
        if compatibility != whole and len(whole) == 1:
            compatible.append(f"{code:x}={spell(compatibility)}")
        small = lower.normalize_str(c)
        if small != c:
            lowered.append(f"{code:x}={spell(small)}")
    with open("unicode.txt", "w") as file:
        file.write(f"# tokenizers {tokenizers.__version__}; make_unicode.py wrote this and says what it means\n")
        for name, entries in [
                ("classes", runs(classes())), ("ccc", runs(combining_classes(nfd))), ("canonical", canonical),
                ("compatible", compatible), ("lower", lowered), ("scripts", runs(scripts()))]:
            file.write(name + " " + " ".join(entries) + "\n")


main()
