#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>
#include <memory>

/// Counts the tensor memory that LibTorch's CPU allocator hands out to this thread.
class AllocationCounter {
 public:
  AllocationCounter()
      : reports_(std::make_shared<Reports>()),
        guard_(c10::DebugInfoKind::PROFILER_STATE, reports_) {}

  [[nodiscard]] std::int64_t count() const { return reports_->count; }
  /// Memory that `call` asks for is not counted.
  template <class Call>
  auto uncounted(const Call& call) const {
    const std::int64_t before = reports_->count;
    auto result = call();
    reports_->count = before;
    return result;
  }

 private:
  struct Reports final : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void* /*pointer*/, std::int64_t size, std::size_t /*allocated*/,
                           std::size_t /*reserved*/, c10::Device /*device*/) override {
      if (size > 0) ++count;
    }
    bool memoryProfilingEnabled() const override { return true; }
    std::int64_t count = 0;
  };

  std::shared_ptr<Reports> reports_;
  c10::DebugInfoGuard guard_;
};
