"""Events with something wrong, or strange, in them."""
import json

import generate

BROKEN_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\x80b", b"\xf0\x9f\x8e"]
CONTROLS = [b"\0", b"a\0b", b"\n", b"\r\nX: y", b"\x7f", b"\xc2\x85", b"\x1b[2J", b"\t"]
STRANGE = [b"", b" ", b"{tanks}:stats:7", b"a:b", b"}{", b"..", b"*", b"%00", b"\xe2\x80\xae", b"\xef\xbb\xbf7", b"nil", b"-",
           b"'; DROP TABLE", b"$(id)", b"\\", b'"', b"x" * 127, b"x" * 128, b"x" * 129, "ß".encode() * 64,
           "ß".encode() * 65, b"x" * 65535, b"x" * 65536, b"x" * 65537, b"7" * 400, b"-", b"+7"]
PRODUCTS = [b"", b"-x", b"x" * 64, b"x" * 65, b"TANKS", b"tanks ", b"tanks\0", b"{tanks}", b"top_ten", b"../tanks", b"?", b"*",
            b"tanks:", "tänks".encode(), b"\xff", b"tanks}:x{tanks"]
GAMES = [b"", b"F" * 32, b"f" * 31, b"f" * 33, b"g" * 32, b"f" * 32, b" " + b"f" * 31, b"f" * 31 + b"\0"]
TYPES = [b"", b"game_over", b"Game_over", b"game_over\0", b"state_change", b"player_connect", b"player_disconnect",
         b"game_removed", b"player_name", b"\xff", b"score "]
NAMES = [b"product_id", b"type", b"game_id", b"event_id", b"user_id", b"winner_id", b"loser_id", b"player_id", b"username",
         b"new_state", b"score", b"n", b"ms", b"placements", b"ranks", b"mode"]


def placements(r):
    ids = ["p%d" % i for i in range(70)]
    return r.choice([
        json.dumps([[one] for one in ids[:64]]), json.dumps([[one] for one in ids[:65]]), json.dumps([ids[:64]]),
        json.dumps([ids[:33], ids[33:65]]), '[["7"],["7"]]', '[["7","7"]]', '[["7"],["\\u0037"]]', "[]", "[[]]", '[["7"],[]]',
        '[[""]]', '[["{x}"],["a:b"]]', '[["a\\nb"]]', '[["a\nb"]]', '[["\\ud800"],["7"]]', '[["\\ud83c\\udfb2"],["7"]]',
        '[["\\udfb2\\ud83c"]]', '[["\\u0000"],["7"]]', '[["%s"],["7"]]' % ("x" * 128), '[["%s"],["7"]]' % ("x" * 129),
        "[" * 60000, "[" * 32000 + "]" * 32000, '[["7"]' + " " * 60000 + ',["42"]]', '[["7"],["42"]]]', '[["7"],["42"],]',
        '[["7"] ["42"]]', "[['7']]", '{"7":1}', "null", "7", "", '"7"', '[["7"],[42]]', '[["7"],["42"]] x', '\ufeff[["7"]]',
        '[["7"],["42"]]\0', '[["\\x37"]]', '[["7', '[["7\\', '[["\\u12', "[[NaN]]", '[["\\/"],["\\b"]]', '[["\\/"],["\\""]]',
        '[["7"],["42"]]', '[["7","ann"],["42","bob"],["eve"]]', ' [ [ "7" ] , [ "42" ] ] ', '[["7"]]']).encode(
            errors="surrogatepass")


def ranks(r):
    return r.choice([
        "[]", "[1]", "[1,2]", "[1,1]", "[0,0,0]", "[2,1]", "[-5,-5]", "[1.0,2]", "[1,2e0]", "[-0,0]", "[01,2]", "[1,2,3]", "[1,2",
        "1,2", "[true,true]", '["1","2"]', "[null,null]", "[1,,2]", "[9007199254740992,9007199254740992]",
        "[1,9007199254740993]", "[1," + "9" * 5000 + "]", "[" + "1," * 30000 + "1]", "[[1],[2]]", " [ 1 , 2 ] ", "[1 2]", "[+1,2]",
        "", "[1,2]\0", "[--1,2]", "[-,2]", "[" * 60000]).encode()


def numbers(r):
    return r.choice([text.encode() for text in generate.BAD_NUMBERS + generate.ODD_NUMBERS])


def splice(r, data):
    """Some bytes changed, added or taken away."""
    data = bytearray(data[:200])
    for _ in range(r.randint(1, 4)):
        at = r.randrange(len(data) + 1)
        what = r.random()
        if what < 0.4 and at < len(data):
            data[at] ^= 1 << r.randrange(8)
        elif what < 0.7:
            data[at:at] = bytes([r.choice([0, 10, 34, 44, 58, 91, 93, 123, 125, 127, 128, 255, r.randrange(256)])])
        else:
            del data[at:at + r.randint(1, 3)]
    return bytes(data)


def mutated(r, pairs, seldom):
    """The event with one thing changed. seldom: large things too."""
    pairs = list(pairs)
    at = r.randrange(len(pairs)) if pairs else 0
    name, value = pairs[at] if pairs else (b"a", b"b")

    def put(field, content):
        kept = [pair for pair in pairs if pair[0] != field]
        kept.insert(r.randint(0, len(kept)), (field, content))
        return kept

    def swap(pair):
        return pairs[:at] + [pair] + pairs[at + 1:]
    choices = [
        lambda: swap((name, r.choice(BROKEN_UTF8 + CONTROLS + STRANGE))),
        lambda: swap((r.choice(BROKEN_UTF8 + CONTROLS + STRANGE + NAMES), value)),
        lambda: swap((name, splice(r, value))),
        lambda: swap((splice(r, name), value)),
        lambda: swap((name, value + r.choice(CONTROLS + BROKEN_UTF8))),
        lambda: pairs[:at] + pairs[at + 1:],
        lambda: pairs + [(name, r.choice([value, b"7"]))],
        lambda: [(b"product_id", r.choice(PRODUCTS))] + pairs,
        lambda: put(b"product_id", r.choice(PRODUCTS)),
        lambda: put(b"game_id", r.choice(GAMES)),
        lambda: put(b"type", r.choice(TYPES)),
        lambda: put(b"event_id", r.choice(STRANGE + CONTROLS + BROKEN_UTF8 + [b"id 1", b"id 2"])),
        lambda: put(r.choice([b"score", b"ms", b"n"]), numbers(r)),
        lambda: put(r.choice([b"user_id", b"winner_id", b"loser_id", b"mate", b"player_id", b"username"]),
                    r.choice(STRANGE + CONTROLS + BROKEN_UTF8)),
        lambda: put(b"placements", placements(r)),
        lambda: put(b"ranks", ranks(r)),
        lambda: pairs + [(b"varcade_quarantine", r.choice([b"release 1-1", b"drop 1-1", b"release 1", b"", b"drop 01-1", b"keep 1-1",
                                                           b"release 18446744073709551616-0", b"release  1-1"]))],
        lambda: pairs + [(b"f%d" % i, b"") for i in range(r.choice([64, 65]) - len(pairs))],
    ]
    if seldom and r.random() < 0.3:
        choices = [
            lambda: swap((name, value + b"x" * (1 << 20))),
            lambda: swap((name + b"x" * (1 << 20), value)),
            lambda: pairs + [(b"f%d" % i, b"v") for i in range(10000)],
            lambda: [(b"f", b"v")] * 10000 + pairs,
        ]
    return r.choice(choices)() or [(b"", b"")]


def event(r, product, users, seldom):
    pairs = generate.event(r, product, users, False)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        pairs = mutated(r, pairs, seldom)
    return pairs
