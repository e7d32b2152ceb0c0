#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/error.hpp>

void fuzz::manifest(const std::uint8_t* data, std::size_t size) {
  try {
    const freeinit::Manifest manifest =
        freeinit::parse_manifest(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
    require(manifest.files.contains(manifest.unet.file),
            "a section names a file that is not listed");
    require(manifest.contracts.size() == 3, "three contracts");
  } catch (const freeinit::Error& error) {
    require(std::string(error.what()).find('\n') == std::string::npos, "messages are one line");
  }
}
