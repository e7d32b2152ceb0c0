"""The rules themselves are tested: each one must fail when it is broken."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import source_rules

FOLDER = pathlib.Path(__file__).resolve().parent
LIST = "set(FREEINIT_DECLARATIONS\n  {})\nset(FREEINIT_BODIES\n  {})\n"


class SourceRules(unittest.TestCase):
    def problems(self, files, declarations="io/a", bodies="io/a"):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            tree = {"include/freeinit/io/a.hpp": "", "include/freeinit/impl/io/a_inl.hpp": "", **files}
            tree["cmake/FreeinitHeaders.cmake"] = LIST.format("freeinit fwd " + declarations, bodies)
            umbrella = "".join(f"#include <freeinit/{name}.hpp>\n" for name in declarations.split())
            tree.setdefault("include/freeinit/freeinit.hpp", umbrella)
            tree.setdefault("include/freeinit/fwd.hpp", "")
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            return list(source_rules.problems(root))

    def breaks(self, says, files, **lists):
        found = self.problems(files, **lists)
        self.assertEqual(len(found), 1, found)
        self.assertIn(says, found[0])

    def test_a_clean_tree(self):
        self.assertEqual(self.problems({"include/freeinit/io/a.hpp": "#include <freeinit/core/x.hpp>\n"}), [])

    def test_upward_and_sideways_includes(self):
        for header in ["options/x.hpp", "text/x.hpp", "bundle/x.hpp", "impl/networks/x_inl.hpp", "pipeline/x.hpp"]:
            text = f"#include <freeinit/{header}>\n"
            self.breaks("includes only go down", {"include/freeinit/impl/io/a_inl.hpp": text})
        for layer, header in [("bundle", "tensors"), ("noise", "sampling"), ("sampling", "passes"),
                              ("passes", "networks"), ("networks", "passes"), ("analysis", "pipeline")]:
            text = f"#include <freeinit/{header}/x.hpp>\n"
            self.breaks("includes only go down", {f"src/{layer}.cpp": text})
        self.breaks("includes only go down", {"kernels/src/x.cpp": "#include <freeinit/core/error.hpp>\n"})

    def test_libtorch(self):
        body = "include/freeinit/impl/io/a_inl.hpp"
        self.breaks("it has no LibTorch", {body: "#include <ATen/core/Tensor.h>\n"})
        self.breaks("TorchScript stays in impl/networks", {"src/pipeline.cpp": "#include <torch/script.h>\n"})
        self.breaks("TorchScript stays", {"src/cli/x.cpp": "# include <torch/csrc/jit/api/module.h>\n"})
        self.breaks("public headers take", {"include/freeinit/networks/b.hpp": "#include <ATen/ATen.h>\n"},
                    declarations="io/a networks/b")
        self.assertEqual(self.problems({"include/freeinit/impl/networks/b_inl.hpp": "#include <torch/script.h>\n"},
                                       bodies="io/a networks/b"), [])

    def test_formatting_libraries(self):
        self.breaks("fmt and spdlog", {"include/freeinit/io/a.hpp": "#include <fmt/format.h>\n"})
        self.assertEqual(self.problems({"src/cli/console.cpp": "#include <spdlog/spdlog.h>\n"}), [])

    def test_ascii_and_length(self):
        self.breaks("not ASCII", {"tests/x.cpp": "// caf\u00e9\n"})
        self.breaks("at most 350", {"src/io.cpp": "\n" * 351})
        self.breaks("at most 350", {"include/freeinit/c/x.h": "\n" * 351})
        self.breaks("at most 350", {"scripts/x.sh": "\n" * 351})
        self.assertEqual(self.problems({"tests/cli/test_x.py": "\n" * 350}), [])

    def test_functions(self):
        def with_body(head, count, indentation=""):
            lines = [head, *["  x();"] * (count - 1 - head.count("\n")), "}"]
            return "".join(f"{indentation}{line}\n" for line in lines)
        long = "a function of 61 lines; at most 60"
        for head in ["int f(int a) {", "TEST(A, B) {", "void C::f(int a,\n          int b) const {",
                     "C::C(int a)\n    : a_(a) {", "std::vector<int> f()\n    const noexcept {"]:
            self.breaks(long, {"src/io.cpp": with_body(head, 60)})
            self.assertEqual(self.problems({"src/io.cpp": with_body(head, 59)}), [])
        self.breaks(long, {"src/io.cpp": "class C {\n" + with_body("int f() {", 60, "  ") + "};\n"})
        for head in ["namespace a {", "struct A {", "enum class A {", "const int a[] = {"]:
            self.assertEqual(self.problems({"src/io.cpp": with_body(head, 99)}), [])

    def test_header_list(self):
        self.breaks("not in cmake", {"include/freeinit/io/new.hpp": ""})
        self.breaks("which is not there", {}, bodies="io/a io/gone")


    def test_umbrella(self):
        umbrella = "include/freeinit/freeinit.hpp"
        self.breaks("does not include io/a.hpp", {umbrella: ""})
        self.breaks("includes io/b.hpp, which is no public header",
                    {umbrella: "#include <freeinit/io/a.hpp>\n#include <freeinit/io/b.hpp>\n"})
        types = ("class FREEINIT_API A {\n};\nstruct B final : A {\n};\nenum class C : int { c };\nclass Other;\n"
                 "namespace detail {\nstruct Hidden {\n};\n}  // namespace detail\n")
        names = "class A;\nstruct B;\nenum class C : int;\n"
        header, forward = "include/freeinit/io/a.hpp", "include/freeinit/fwd.hpp"
        self.assertEqual(self.problems({header: types, forward: names}), [])
        self.breaks("does not declare B", {header: types, forward: names.replace("struct B;\n", "")})
        self.breaks("declares D, which no public header defines", {header: types, forward: names + "struct D;\n"})


class SymbolRules(unittest.TestCase):
    def run_with(self, symbols):
        with tempfile.TemporaryDirectory() as name:
            nm = pathlib.Path(name) / "nm"
            lines = "\n".join(["", "io.cpp.o:"] + ["                 U " + symbol for symbol in symbols])
            nm.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}\nEND\n")
            nm.chmod(0o755)
            return subprocess.run([sys.executable, FOLDER / "symbol_rules.py", nm, "library"],
                                  capture_output=True, text=True)

    def test_clean(self):
        self.assertEqual(self.run_with(["snprintf", "at::Tensor::sub", "__cxa_throw"]).returncode, 0)

    def test_forbidden(self):
        for symbol in ["std::cout", "std::cerr@GLIBCXX_3.4", "printf", "__fprintf_chk", "puts", "abort",
                       "exit@GLIBC_2.2.5", "_exit", "stderr", "srand", "at::manual_seed(unsigned long)",
                       "av_log_set_level", "av_log_set_callback"]:
            done = self.run_with(["snprintf", symbol])
            self.assertEqual(done.returncode, 1, symbol)
            self.assertIn(symbol, done.stdout)

    def test_an_empty_answer_is_no_pass(self):
        self.assertEqual(self.run_with([]).returncode, 1)


if __name__ == "__main__":
    unittest.main()
