#include "launcher/libtorch_folder.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace freeinit_launcher {
namespace {

constexpr const char* kLinkedWith = FREEINIT_LIBTORCH_LIBRARIES;
constexpr const char* kVersion = FREEINIT_LIBTORCH_VERSION;  // major.minor: the ABI changes with it

std::string libraries_of(const std::string& folder) {
  return folder + "/lib";
}

bool holds_libraries(const std::string& libraries) {
  return access((libraries + "/libtorch_cpu.so").c_str(), R_OK) == 0;
}

// major.minor of the LibTorch in a folder, from its headers.
std::string version_of(const std::string& folder) {
  std::string version;
  for (const char* header :
       {"/include/torch/headeronly/version.h", "/include/torch/csrc/api/include/torch/version.h"}) {
    std::ifstream file(folder + header);
    for (std::string line; std::getline(file, line);) {
      for (const std::string name :
           {"#define TORCH_VERSION_MAJOR ", "#define TORCH_VERSION_MINOR "}) {
        if (!line.starts_with(name)) continue;
        if (!version.empty()) version += '.';
        version += line.substr(name.size());
      }
    }
    if (!version.empty()) break;
  }
  return version;
}

// The loader looks into LD_LIBRARY_PATH and into the system's folders. libc10.so is the small one.
bool loader_finds_it() {
  void* const library = dlopen("libc10.so", RTLD_LAZY | RTLD_LOCAL);
  if (library != nullptr) dlclose(library);
  return library != nullptr;
}

std::string folder_of_python() {
  FILE* const output = popen(
      "python3 -c 'import importlib.util as u; "
      "print(u.find_spec(\"torch\").submodule_search_locations[0])' "
      "2>/dev/null",
      "re");
  if (output == nullptr) return {};
  std::string folder;
  for (int byte = std::fgetc(output); byte != EOF && byte != '\n'; byte = std::fgetc(output)) {
    folder += static_cast<char>(byte);
  }
  pclose(output);
  return folder;
}

}  // namespace

LibTorchFolder find_libtorch() {
  if (const char* const named = std::getenv("FREEINIT_LIBTORCH");
      named != nullptr && *named != '\0') {
    if (holds_libraries(libraries_of(named))) return {libraries_of(named), {}};
    return {
        {},
        "FREEINIT_LIBTORCH '" + std::string(named) + "': there is no lib/libtorch_cpu.so in it"};
  }
  if (holds_libraries(kLinkedWith) || loader_finds_it()) return {};
  std::string passed_over;
  for (const std::string& folder :
       {std::string("/opt/libtorch"), std::string("/usr/local/libtorch"), folder_of_python()}) {
    if (folder.empty() || !holds_libraries(libraries_of(folder))) continue;
    const std::string version = version_of(folder);
    if (version == kVersion) return {libraries_of(folder), {}};
    passed_over += "; passed over " + folder + ", which is " +
                   (version.empty() ? "of no known version" : version);
  }
  const std::string wanted = kVersion;
  return {{},
          "LibTorch " + wanted + " is not found: pip install 'torch==" + wanted +
              ".*', or name its folder in FREEINIT_LIBTORCH" + passed_over};
}

}  // namespace freeinit_launcher
