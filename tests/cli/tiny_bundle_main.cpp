// tiny_bundle FOLDER: writes the tiny bundle that the tests of the command run on.

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
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tiny_bundle: " << error.what() << '\n';
    return 1;
  }
}
