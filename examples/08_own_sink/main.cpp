// Frames go where you want them while they are decoded; the video is never in memory as a whole.
// Here they go to standard output as raw RGB, for another program:
//
//   own_sink BUNDLE PROMPT [FRAMES] | ffplay -f rawvideo -pixel_format rgb24 -video_size WxH -
//
// A window of your own, a texture, a shared memory or a socket is the same: derive from Sink.

#include <freeinit/freeinit.hpp>

#include <cstdlib>
#include <iostream>
#include <span>

namespace {

class Sink {
 public:
  virtual ~Sink() = default;
  /// One frame, height x width x 3 bytes. The bytes are gone afterwards.
  virtual void add(std::span<const std::uint8_t> rgb) = 0;
};

class StandardOutput final : public Sink {
 public:
  void add(std::span<const std::uint8_t> rgb) override {
    std::cout.write(reinterpret_cast<const char*>(rgb.data()),
                    static_cast<std::streamsize>(rgb.size()));
    // What a callback throws ends the run and reaches its caller: here, that nobody reads any more.
    if (!std::cout) freeinit::raise(freeinit::ErrorCode::io, "standard output: closed");
  }
};

void run(const char* folder, const char* prompt, std::int64_t frames, Sink& sink) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(folder));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  if (frames > 0) request.num_frames = frames;

  freeinit::GenerationHooks hooks;
  hooks.decode = false;  // the pipeline hands over latents, which are small
  hooks.on_video = [&](const freeinit::GeneratedVideo& video) {
    const auto add = [&sink, &request](std::int64_t, std::int64_t, const at::Tensor& chunk) {
      const at::Tensor bytes =
          freeinit::frame_bytes(chunk, request.free_init.profile);  // [n,H,W,3]
      const auto size = static_cast<std::size_t>(bytes[0].numel());
      for (std::int64_t i = 0; i < bytes.size(0); ++i) {
        sink.add(std::span(bytes[i].const_data_ptr<std::uint8_t>(), size));
      }
    };
    // A chunk is what is in memory at once: a few frames, in tiles if the request says so.
    const auto autoencoder =
        freeinit::with_tiling(pipeline.bundle().autoencoder(), request.vae_tiling);
    freeinit::decode_video_to(*autoencoder, video.latents, request.decode_chunk_size, add);
  };
  (void)pipeline.generate(request, {}, {}, hooks);
  std::cerr << request.num_frames << " frames of " << request.width << 'x' << request.height
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: own_sink BUNDLE PROMPT [FRAMES] > frames.rgb\n";
    return 2;
  }
  try {
    StandardOutput sink;
    run(argv[1], argv[2], argc == 4 ? std::atoll(argv[3]) : 0, sink);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
