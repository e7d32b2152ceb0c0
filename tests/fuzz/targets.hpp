#pragma once

#include <cstddef>
#include <cstdint>

/// What the fuzzers run: each takes any bytes, lets freeinit::Error pass as the right answer to bad
/// input, and fails (by another exception, a crash or a sanitizer's report) on anything else.
namespace fuzz {

void json(const std::uint8_t* data, std::size_t size);
void manifest(const std::uint8_t* data, std::size_t size);
void prompt(const std::uint8_t* data, std::size_t size);
void safetensors(const std::uint8_t* data, std::size_t size);
void tokenizer(const std::uint8_t* data, std::size_t size);
void toml(const std::uint8_t* data, std::size_t size);
void video(const std::uint8_t* data, std::size_t size);

// With LibTorch.
void checkpoint(const std::uint8_t* data, std::size_t size);
void npy(const std::uint8_t* data, std::size_t size);
void torchscript(const std::uint8_t* data, std::size_t size);

}  // namespace fuzz
