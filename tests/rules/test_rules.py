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
            tree["cmake/FreeinitHeaders.cmake"] = LIST.format(declarations, bodies)
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
        for header in ["numerics/x.hpp", "text/x.hpp", "impl/models/x_inl.hpp", "pipeline/x.hpp"]:
            text = f"#include <freeinit/{header}>\n"
            self.breaks("includes only go down", {"include/freeinit/impl/io/a_inl.hpp": text})
        self.breaks("includes only go down", {"kernels/src/x.cpp": "#include <freeinit/core/error.hpp>\n"})

    def test_libtorch(self):
        body = "include/freeinit/impl/io/a_inl.hpp"
        self.breaks("it has no LibTorch", {body: "#include <ATen/core/Tensor.h>\n"})
        self.breaks("it has no LibTorch", {"kernels/src/x.cpp": "#include <ATen/core/Tensor.h>\n"})
        self.breaks("TorchScript stays in impl/models", {"src/pipeline.cpp": "#include <torch/script.h>\n"})
        self.breaks("TorchScript stays", {"src/cli/x.cpp": "# include <torch/csrc/jit/api/module.h>\n"})
        self.breaks("public headers take", {"include/freeinit/models/b.hpp": "#include <ATen/ATen.h>\n"},
                    declarations="io/a models/b")
        self.assertEqual(self.problems({"include/freeinit/impl/models/b_inl.hpp": "#include <torch/script.h>\n"},
                                       bodies="io/a models/b"), [])

    def test_formatting_libraries(self):
        self.breaks("fmt and spdlog", {"include/freeinit/io/a.hpp": "#include <fmt/format.h>\n"})
        self.assertEqual(self.problems({"src/cli/console.cpp": "#include <spdlog/spdlog.h>\n"}), [])

    def test_ascii_and_length(self):
        self.breaks("not ASCII", {"tests/x.cpp": "// caf\u00e9\n"})
        self.breaks("at most 450", {"src/io.cpp": "\n" * 451})

    def test_header_list(self):
        self.breaks("not in cmake", {"include/freeinit/io/new.hpp": ""})
        self.breaks("which is not there", {}, bodies="io/a io/gone")


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
