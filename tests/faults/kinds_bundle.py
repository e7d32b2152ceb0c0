"""Bundles that were damaged, and manifests that a stranger wrote."""

import copy
import json
import os
import random
import shutil

import fork_server
import mutants
from lab import Case, Row, bounded, expect, refused

CUTS = 20
FLIPS = 200


def files_of(bundle):
    """What the manifest has a hash of."""
    return sorted(json.loads((bundle / "manifest.json").read_text())["files"])


def copied(lab, folder):
    return shutil.copytree(lab.bundle, folder / "bundle")


def inspect(lab, folder):
    return fork_server.run(lab, folder, "inspect", "bundle")


def cut(lab, name, index):
    def run(folder):
        path = copied(lab, folder) / name
        whole = path.read_bytes()
        path.write_bytes(whole[:len(whole) * index // CUTS])
        refused(inspect(lab, folder), 4)
    return run


def flipped(lab, index):
    def run(folder):
        dice = random.Random(f"flip {index}")
        path = copied(lab, folder) / dice.choice(files_of(lab.bundle))
        data = bytearray(path.read_bytes())
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        refused(inspect(lab, folder), 4)
    return run


def with_manifest(lab, text, must_refuse):
    def run(folder):
        (copied(lab, folder) / "manifest.json").write_text(text)
        done = inspect(lab, folder)
        bounded(done)
        expect(done.code or not must_refuse, "taken, though it is none")
    return run


def changed_manifests(manifest):
    """Each key away, and each value of another type: a name, and the manifest."""
    for path in mutants.places(manifest):
        if not path:
            continue
        for name, value in (("without", None), ("text", "7"), ("number", 7), ("list", [1]), ("object", {"a": 1})):
            changed = copy.deepcopy(manifest)
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            if name == "without":
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            yield f"{name} {'.'.join(map(str, path))}", changed


def huge_manifests(manifest):
    text = json.dumps(manifest)
    entry = {"bytes": 1, "sha256": "0" * 64}
    files = {**manifest["files"], **{f"f{i}": entry for i in range(100000)}}  # those that are there, too
    yield "100,000 files", json.dumps({**manifest, "files": files})
    yield "a key of 10 MB", json.dumps({**manifest, "k" * 10_000_000: 1})
    yield "a value of 10 MB", json.dumps({**manifest, "name": "v" * 10_000_000})
    yield "a number of 9,000 digits", text.replace('"schema": 1', '"schema": ' + "9" * 9000)
    for name, open_text, close in (("lists", "[", "]"), ("objects", '{"a":', "}")):
        deep = open_text * 200_000 + "1" + close * 200_000
        yield f"nested {name}", deep
        yield f"nested {name} as a version", text.replace('"schema": 1', '"schema": ' + deep)
        yield f"nested {name} of a model", text.replace('"license":', '"more": ' + deep + ', "license":')
    yield "nothing", ""
    yield "zeros", "\0" * 100_000


def elsewhere(lab, path):
    """The network under another path, where a file with the right hash does lie."""
    def run(folder):
        bundle = copied(lab, folder)
        manifest = json.loads((bundle / "manifest.json").read_text())
        name = manifest["unet"]["file"]
        shutil.copy(bundle / name, folder / "outside.pt")
        said = path.replace("$", str(folder))
        manifest["files"][said] = manifest["files"].pop(name)
        manifest["unet"]["file"] = said
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        refused(inspect(lab, folder))
    return run


def replaced(lab, name, kind):
    """Something that is no file of the bundle in place of one."""
    def run(folder):
        bundle = copied(lab, folder)
        (bundle / name).replace(folder / "outside")
        if kind == "link out":
            (bundle / name).symlink_to("../" * name.count("/") + "../outside")
        elif kind == "loop":
            (bundle / name).symlink_to((bundle / name).name)
        elif kind == "pipe":
            os.mkfifo(bundle / name)
        elif kind == "device":
            (bundle / name).symlink_to("/dev/zero")
        elif kind == "folder":
            (bundle / name).mkdir()
        refused(inspect(lab, folder))
    return run


def damage_cases(lab):
    names = ["manifest.json", *files_of(lab.bundle)]
    cuts = [Case(f"cut {name.replace('/', ' ')} {i}", cut(lab, name, i)) for i in range(CUTS) for name in names]
    return cuts + [Case(f"bit {i}", flipped(lab, i)) for i in range(FLIPS)]


def manifest_cases(lab):
    manifest = json.loads((lab.bundle / "manifest.json").read_text())
    cases = [Case(name.replace("/", " "), with_manifest(lab, json.dumps(changed), False))
             for name, changed in changed_manifests(manifest)]
    cases += [Case(name, with_manifest(lab, text, name not in ("a key of 10 MB", "a value of 10 MB")))
              for name, text in huge_manifests(manifest)]
    cases += [Case(f"path {i}", elsewhere(lab, path)) for i, path in enumerate(
        ("../outside.pt", "tokenizer/../../outside.pt", "$/outside.pt", "./../outside.pt", "a\0b", "", ".", "tokenizer"))]
    return cases + [Case(f"{kind} for {name.replace('/', ' ')}", replaced(lab, name, kind))
                    for name in ("manifest.json", "unet.pt", "tokenizer/vocab.json")
                    for kind in ("link out", "loop", "pipe", "device", "folder")]


ROWS = [
    Row("bundle", f"every file of a bundle cut at {CUTS} places; {FLIPS} flipped bits", "refused in one line",
        damage_cases, quick=12),
    Row("manifest", "each key of the manifest missing, each value of another type; huge, nested; absolute paths, `..`, "
        "links, pipes, devices and folders in place of files",
        "refused in one line, or the same bundle; nothing outside the folder is read", manifest_cases, quick=20),
]
