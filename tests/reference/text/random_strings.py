"""Random Unicode strings that tokenizers stumble over; the same for the same seed."""

import random

WORDS = (
    "a the red circle moving right on gray background cat dog photo of in style by naïve café Straße "
    "ΟΔΟΣ Ελλάδα İstanbul привет мир 日本語 東京 北京 中文字符 한국어 مرحبا שלום नमस्ते สวัสดี don't we're I'm they'll "
    "it's you've he'd 3d 4k 8K UHD 1920x1080 hello,world! (masterpiece:1.2) <|endoftext|> <|startoftext|> "
    "<|ENDOFTEXT|>!! 'S 'LL https://example.org/a?b=c#d e-mail@x.org 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ½ ² Ⅻ ﬁ Ａ ｂ"
).split()
ALPHABETS = [
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0x9F), (0xA0, 0x17F), (0x180, 0x24F), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F),
    (0x2070, 0x218F), (0x2190, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xA640, 0xABFF),
    (0xE000, 0xE0FF), (0xF900, 0xFFFF), (0x10000, 0x1FFFF), (0x1F300, 0x1FAFF), (0x20000, 0x3FFFF),
    (0xE0000, 0xE01EF), (0x0, 0x10FFFF),
]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u180e", "\u2003", "\u3000", "\u200b", "\ufeff", ""]
# What people paste from word processors and web pages.
MENDED = [
    "a red circle", "“a dog’s life”, ‘quoted’", "the artist‘s „best“ work – in Paris…", "ﬁre and ﬂames, oﬃce ﬆyle ﬅ",
    "Ｌｏｕｄ　ｎｏｉｓｅ！", "ｶﾞﾗｽ ﾊﾟﾝ", "Ĳsselmeer ŉ Ǆungla", "Tom &amp; Jerry", "&quot;hello&quot; &amp;amp; bye",
    "&lt;b&gt; bold", "<b>a &amp; b</b>", "caf&eacute; &hearts; &#8217;s &#x2019;s", "AT&T rock&notroll &copy 2024 &copyright",
    "a &unknown; b &; & &# &#; &#x;", "&amp;lt;p&amp;gt;", "&AMP; &notit; &notin; &sup2; &sup; &sub", "1 &lt 2 &gt 1 &ltx",
    "a\u200bb\ufeffc", "it\x92s a \x93test\x94 \x96 ok", "naïve café Straße", "日本語の猫", "a\x00b\x07c", "＆ａｍｐ；",
    "\ufeffbeginning", "  spaces  ", "don't we're", "½ cup &frac12; cup", "&nbsp;&nbsp;x&shy;y", "&#150; &#133;",
]  # fmt: skip


def character(rng, alphabet):
    while True:
        c = rng.randint(*alphabet)
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def from_alphabets(rng):
    chosen = rng.sample(ALPHABETS, rng.randint(1, 4))
    return "".join(character(rng, rng.choice(chosen)) for _ in range(rng.randint(0, 60)))


def from_words(rng):
    count = 500 if rng.random() < 0.02 else rng.randint(0, 40)
    text = "".join(rng.choice(WORDS) + rng.choice(SPACES) for _ in range(count))
    return text.upper() if rng.random() < 0.1 else text


def with_marks(rng):
    marks = [(0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0),
             (0x1D165, 0x1D172), (0x11A8, 0x11C2), (0x11A7, 0x11A7), (0x10F46, 0x10F50), (0x93C, 0x93C)]
    text = ""
    for _ in range(rng.randint(1, 20)):
        text += character(rng, rng.choice(ALPHABETS))
        text += "".join(character(rng, rng.choice(marks)) for _ in range(rng.randint(0, 4)))
    return text


def random_strings(count, seed):
    rng = random.Random(seed)
    makers = [from_alphabets, from_words, with_marks, lambda r: from_words(r) + from_alphabets(r) + with_marks(r)]
    return [makers[i % len(makers)](rng) for i in range(count)]
