// tiny_bundle FOLDER: writes the tiny bundle that the tests of the command run on, and beside its
// networks an image encoder, image_encoder.pt, for `score --features`.

#include "support/tiny_bundle.hpp"

#include <exception>
#include <filesystem>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tiny_bundle FOLDER\n";
    return 2;
  }
  try {
    std::filesystem::remove_all(argv[1]);
    tiny_bundle::write(argv[1]);
    tiny_bundle::write_image_encoder(std::filesystem::path(argv[1]) / "image_encoder.pt");
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tiny_bundle: " << error.what() << '\n';
    return 1;
  }
}
