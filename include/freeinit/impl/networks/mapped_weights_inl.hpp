#pragma once

// A TorchScript network whose weights stay in its file. LibTorch copies every weight that it reads,
// 2.6 GB of a large model. Here it reads the archive with a stub in place of each weight, a few
// bytes that tell which one it is, and the tensors are pointed into the mapped file afterwards: the
// kernel's copy of the file serves every process. `inline` in both modes: the units of several
// backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/torchscript_archive_inl.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/from_file.h>
#include <c10/core/Storage.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// One weight of the file, which it keeps. Where it goes, as one that is widened, its pages go,
/// too.
struct MappedWeight {
  c10::Storage file;
  char* begin;
  std::size_t size;

  ~MappedWeight() {
#if __has_include(<sys/mman.h>)
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t skipped = (page - reinterpret_cast<std::uintptr_t>(begin) % page) % page;
    const std::size_t whole = skipped < size ? (size - skipped) / page * page : 0;
    if (whole > 0) ::madvise(begin + skipped, whole, MADV_DONTNEED);
#endif
  }
};

inline void let_go_of_mapped_weight(void* kept) {
  delete static_cast<std::shared_ptr<const MappedWeight>*>(kept);
}

/// Whether a tensor keeps a whole file mapped.
inline bool is_mapped(const at::Tensor& tensor) {
  return tensor.has_storage() &&
         tensor.storage().data_ptr().get_deleter() == &let_go_of_mapped_weight;
}

/// Whether the weights of a file of so many bytes stay in it on a device. A small one is better
/// copied.
inline bool is_mapped_on(at::Device device, std::uintmax_t bytes) {
  constexpr std::uintmax_t kLarge = std::uintmax_t{32} << 20;
  return device.is_cpu() && bytes >= kLarge;
}

/// Where the weights of an archive are in its file, and the file in memory.
class MappedWeights {
 public:
  /// Throws Error or c10::Error for what is no archive.
  explicit MappedWeights(const std::filesystem::path& file)
      : archive_(file.string()),
        // Private: what is written to a weight stays in this process.
        file_(at::from_file(file.string(), /*shared=*/false,
                            static_cast<std::int64_t>(std::filesystem::file_size(file)), at::kByte)
                  .storage()) {
    for (const std::string& part : archive_.getAllRecords()) {
      if (is_weight(part)) {
        weights_.push_back(place_of(part));
      } else {
        const std::size_t size = archive_.getRecordSize(part);
        beside_ = size > kLargestPart - std::min(beside_, kLargestPart) ? kLargestPart + 1
                                                                        : beside_ + size;
      }
    }
  }

  /// Whether the network may be read so. Weights of another zip program than PyTorch's may not lie
  /// as tensors do; of tensors that are not dense LibTorch looks at the values while it reads them;
  /// what is read beside the weights is held in memory; and formats before PyTorch 1.6 are read in
  /// another way.
  [[nodiscard]] bool can_stay(const std::string& origin) {
    constexpr std::uint64_t kFirstVersion = 3;
    std::string pickle = read_part(archive_, origin, "data.pkl");
    for (const std::string_view dense : {"_rebuild_tensor_v2\n", "_rebuild_parameter\n"}) {
      for (std::size_t at = 0; (at = pickle.find(dense, at)) != pickle.npos;) pickle[at] = ' ';
    }
    return pickle.find("_rebuild_") == pickle.npos && archive_.version() >= kFirstVersion &&
           beside_ <= kLargestPart &&
           std::all_of(weights_.begin(), weights_.end(), [](const Place& place) {
             return place.plain && place.offset % kAlignment == 0;
           });
  }

  /// The archive with a stub in place of each weight.
  [[nodiscard]] std::string archive_of_stubs() {
    std::string stubs;
    stubs.reserve(beside_ +
                  (weights_.size() + 64) * kLargestStub);  // LibTorch's writer may not throw
    caffe2::serialize::PyTorchStreamWriter writer([&stubs](const void* bytes, std::size_t size) {
      stubs.append(static_cast<const char*>(bytes), size);
      return size;
    });
    writer.setMinVersion(archive_.version());
    std::uint64_t index = 0;
    for (const std::string& part : archive_.getAllRecords()) {
      if (part == "version" || part == ".data/version") continue;  // the writer adds its own
      if (is_weight(part)) {
        const Stub stub{.mark = kMark, .index = index++};
        writer.writeRecord(part, &stub, sizeof stub);
      } else {
        const auto [content, size] = archive_.getRecord(part);
        writer.writeRecord(part, content.get(), size);
      }
    }
    writer.writeEndOfFile();
    return stubs;
  }

  /// Points the tensors of a network that was read from stubs into the file. None may be left,
  /// since a stub is smaller than its tensor: false for a network with a value that may hide one.
  /// Throws Error: invalid_file.
  [[nodiscard]] bool point(const torch::jit::Module& network, const std::string& origin) {
    std::unordered_set<const void*> seen;  // lists and objects may hold each other
    bool all = true;
    c10::IValue(network._ivalue()).visit([&](const c10::IValue& value) {
      if (!value.isPtrType()) return false;
      const bool again = !seen.insert(value.internalToPointer()).second;
      if (value.isTensor()) {
        if (!again) point(value.toTensor(), origin);
      } else if (!value.isObject() && !value.isTuple() && !value.isList() &&
                 !value.isGenericDict() && !value.isString() && !value.isComplexDouble()) {
        all = false;
      }
      return again;
    });
    return all;
  }

 private:
  static constexpr std::size_t kAlignment = 64;     // PyTorch's, of a weight in its file
  static constexpr std::size_t kLargestStub = 512;  // with its name, twice, and padding
  static constexpr std::uint64_t kMark = 0x7374'7562'6669'6e69;

  struct Stub {
    std::uint64_t mark;
    std::uint64_t index;
  };
  struct Place {
    std::size_t offset = 0;
    std::size_t size = 0;
    bool plain = false;                            // neither compressed nor beyond the file's end
    std::shared_ptr<const MappedWeight> mapped{};  // by all tensors that are of it
  };

  [[nodiscard]] static bool is_weight(std::string_view part) {
    constexpr std::string_view kFolder = "data/";  // in any case, as LibTorch finds parts by name
    return part.size() > kFolder.size() &&
           std::equal(kFolder.begin(), kFolder.end(), part.begin(),
                      [](char wanted, unsigned char c) { return std::tolower(c) == wanted; });
  }

  /// The header of an entry says once more how it is compressed. Where a file lies about it, the
  /// weights are noise.
  [[nodiscard]] Place place_of(const std::string& part) {
    constexpr std::size_t kHeader = 30, kMethod = 8;  // of a zip file's entry; 0: not compressed
    const std::size_t end = file_.nbytes();
    const std::size_t header = archive_.getRecordHeaderOffset(part);
    Place place{.offset = archive_.getRecordOffset(part), .size = archive_.getRecordSize(part)};
    if (header > end || end - header < kHeader) return place;
    const auto* bytes = static_cast<const unsigned char*>(file_.data()) + header;
    place.plain = bytes[kMethod] == 0 && bytes[kMethod + 1] == 0 && place.offset <= end &&
                  place.size <= end - place.offset;
    return place;
  }

  void point(const at::Tensor& tensor, const std::string& origin) {
    if (!tensor.has_storage()) {
      raise(ErrorCode::invalid_file, concat(origin, ": holds a tensor that is not dense"));
    }
    const c10::Storage& storage = tensor.storage();
    if (storage.nbytes() == 0 || is_in_file(storage.data())) return;
    Stub stub{};
    if (!storage.device().is_cpu() || storage.data() == nullptr) {  // as of PyTorch's "meta"
      raise(ErrorCode::invalid_file,
            concat(origin, ": holds a tensor without values, on the device ",
                   storage.device().str()));
    }
    std::memcpy(&stub, storage.data(), sizeof stub);
    if (stub.mark != kMark || stub.index >= weights_.size() ||
        storage.nbytes() > weights_[stub.index].size) {
      raise(ErrorCode::invalid_file, concat(origin, ": a tensor takes ", storage.nbytes(),
                                            " bytes; its part of the file has fewer"));
    }
    Place& place = weights_[stub.index];
    auto* const begin = static_cast<char*>(file_.mutable_data()) + place.offset;
    if (!place.mapped) place.mapped.reset(new MappedWeight{file_, begin, place.size});
    storage.set_data_ptr(
        {begin, new std::shared_ptr(place.mapped), &let_go_of_mapped_weight, at::kCPU});
  }

  [[nodiscard]] bool is_in_file(const void* data) const {
    const auto begin = reinterpret_cast<std::uintptr_t>(file_.data());
    return reinterpret_cast<std::uintptr_t>(data) - begin < file_.nbytes();
  }

  caffe2::serialize::PyTorchStreamReader archive_;
  c10::Storage file_;
  std::vector<Place> weights_;
  std::size_t beside_ = 0;  ///< bytes of all other parts, at most a little above kLargestPart
};

/// A network on the CPU whose weights stay in its file, or nothing where that cannot be: another
/// kind of archive, a file system or a limit of memory that has no room for the mapping. `origin`
/// names the file, which `check_archive` has looked at. Throws Error: invalid_file.
inline std::optional<torch::jit::Module> read_in_place(const std::filesystem::path& file,
                                                       const std::string& origin,
                                                       torch::jit::ExtraFilesMap& extra) {
  try {
    MappedWeights weights(file);
    if (!weights.can_stay(origin)) return std::nullopt;
    torch::jit::ExtraFilesMap found = extra;
    std::istringstream archive(weights.archive_of_stubs());
    torch::jit::Module network = torch::jit::load(archive, at::kCPU, found);
    if (!weights.point(network, origin)) return std::nullopt;
    extra = std::move(found);
    return network;
  } catch (const c10::Error&) {
    return std::nullopt;  // LibTorch's own reader has the last word
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
