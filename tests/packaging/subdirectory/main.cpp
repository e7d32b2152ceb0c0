#include <freeinit/noise/frequency_filter.hpp>

int main() {
  return freeinit::frequency_filter_mask({}, 4, 6, 8).numel() == 4 * 6 * 8 ? 0 : 1;
}
