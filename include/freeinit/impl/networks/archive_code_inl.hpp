#pragma once

// What the code of a TorchScript archive must not hold, as LibTorch runs some of it while it reads
// or compiles the file. `inline` in both modes: the units of several backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/networks/library_error_inl.hpp>

#include <torch/csrc/jit/frontend/lexer.h>
#include <torch/csrc/jit/frontend/parser.h>
#include <torch/csrc/jit/frontend/source_range.h>
#include <torch/csrc/jit/frontend/tree_views.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Refuses a part of an archive. `origin` names the file.
[[noreturn]] inline void refuse_archive(const std::string& origin, std::string_view part,
                                        const std::string& what) {
  raise(ErrorCode::invalid_file, concat(origin, ": ", quote(part), " ", what));
}

/// Brackets and indentation inside each other: LibTorch's parser recurses on them. Brackets in
/// texts do not count.
inline std::size_t deepest_nesting(std::string_view code) {
  std::size_t deepest = 0;
  std::size_t brackets = 0;
  std::size_t indent = 0;
  bool at_start = true;  // of a line
  char quote_mark = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (quote_mark != 0) {
      if (c == '\\') ++i;
      if (c == quote_mark || c == '\n') quote_mark = 0;
    } else if (c == '"' || c == '\'') {
      quote_mark = c;
    } else if (c == '(' || c == '[' || c == '{') {
      ++brackets;
    } else if ((c == ')' || c == ']' || c == '}') && brackets > 0) {
      --brackets;
    }
    at_start = c == '\n' || (at_start && c == ' ');
    indent = c == '\n' ? 0 : indent + (at_start ? 1 : 0);
    deepest = std::max({deepest, brackets, indent / 2});  // two blanks a level
  }
  return deepest;
}

/// Numbers, texts, truths and lists of them: what stands there, and nothing is computed.
inline bool is_plain_value(const torch::jit::TreeRef& value) {
  switch (value->kind()) {
    case torch::jit::TK_CONST:
    case torch::jit::TK_STRINGLITERAL:
    case torch::jit::TK_TRUE:
    case torch::jit::TK_FALSE:
    case torch::jit::TK_NONE:
      return true;
    case torch::jit::TK_UNARY_MINUS:
    case torch::jit::TK_LIST:
    case torch::jit::TK_LIST_LITERAL:
    case torch::jit::TK_TUPLE_LITERAL:
      return std::all_of(value->trees().begin(), value->trees().end(), is_plain_value);
    default:
      return false;
  }
}

/// Whether LibTorch would compute a value while it compiles this: the default of a parameter, a
/// constant of a class or a default of a named tuple. It does so in a unit of its own, whose
/// operators nobody can look at.
inline bool computes_early(const torch::jit::TreeRef& tree) {
  using namespace torch::jit;
  if (tree->kind() == TK_PARAM) {
    const auto value = Param(tree).defaultValue();
    if (value.present() && !is_plain_value(value.get().tree())) return true;
  }
  if (tree->kind() == TK_CLASS_DEF) {
    for (const Stmt& statement : ClassDef(tree).body()) {
      if (statement.kind() != TK_ASSIGN) continue;
      const Assign assign(statement.tree());
      const bool names_type = assign.lhs().kind() == TK_SUBSCRIPT;  // __annotations__["0"] = Tensor
      if (names_type || !assign.rhs().present()) continue;
      if (!is_plain_value(assign.rhs().get().tree())) return true;
    }
  }
  return std::any_of(tree->trees().begin(), tree->trees().end(), computes_early);
}

/// The definitions of a file, as LibTorch's importer walks them.
inline bool any_computes_early(const std::shared_ptr<torch::jit::Source>& source) {
  using namespace torch::jit;
  Parser parser(source);
  Lexer& lexer = parser.lexer();
  while (lexer.cur().kind != TK_EOF) {
    const int kind = lexer.cur().kind;
    if (kind == TK_CLASS_DEF || kind == TK_DEF) {
      const TreeRef tree = kind == TK_DEF ? parser.parseFunction(false) : parser.parseClass();
      if (computes_early(tree)) return true;
    } else {
      lexer.next();  // imports and versions of operators
    }
  }
  return false;
}

/// Refuses code that runs before its operators are known, and code that cannot be read. Throws
/// Error: invalid_file.
inline void check_archive_code(const std::string& origin, std::string_view part,
                               const std::string& code) {
  constexpr std::size_t kDeepest = 256;
  if (code.find("__setstate__") != code.npos) {
    refuse_archive(origin, part,
                   "has a method __setstate__, which runs while the file is read; expected a "
                   "network without one");
  }
  if (deepest_nesting(code) > kDeepest) {
    refuse_archive(origin, part,
                   concat("has more than ", kDeepest, " levels of code inside each other"));
  }
  bool computes = false;
  try {
    computes = any_computes_early(std::make_shared<torch::jit::Source>(code));
  } catch (...) {
    rethrow_as_error(ErrorCode::invalid_file,
                     concat(origin, ": ", quote(part), " holds no readable code"));
  }
  if (computes) {
    refuse_archive(origin, part,
                   "computes a default or a constant, which runs while the file is read; expected "
                   "numbers, texts and lists of them");
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
