#include "generate/checkpoint_options.hpp"

#include "shared/option_group.hpp"

namespace freeinit_cli {

void add_checkpoint_options(CLI::App& command, CheckpointArguments& arguments) {
  OptionGroup kept(command, "Long runs");
  auto* folder =
      kept.add("--checkpoint", arguments.folder,
               "Keep in this folder what the run needs to go on after a crash or a stop", "DIR");
  kept.add("--resume", arguments.resume,
           "Go on with the run of this folder to the same bits; a larger --num-iters extends it",
           "DIR")
      ->excludes(folder);
  kept.add_number("--checkpoint-every", arguments.every,
                  "Network calls from one checkpoint to the next; 0: after each pass alone", 0,
                  1'000'000)
      ->capture_default_str();
  kept.add("--on-cancel", arguments.on_cancel,
           "After a stop: save writes the last complete pass, discard writes nothing", "NAME")
      ->check(CLI::IsMember({"save", "discard"}))
      ->capture_default_str();
}

}  // namespace freeinit_cli
