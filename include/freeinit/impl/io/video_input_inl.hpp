#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

#include <cerrno>
#include <filesystem>
#include <string>

namespace freeinit::inline FREEINIT_ABI::detail {

/// FFmpeg's names of the containers that are read: those that hold pictures or sound themselves.
/// Playlists and lists of parts (hls, dash, concat, sdp, ...), scripts and devices are not among
/// them: they make FFmpeg open what they name.
inline constexpr const char* kKnownContainers =
    "mov,matroska,avi,gif,apng,ogg,flv,asf,nut,mxf,dv,mpeg,mpegts,mpegvideo,ivf,obu,av1,h264,hevc,"
    "m4v,mjpeg,yuv4mpegpipe,rm,wtv,image2,png_pipe,jpeg_pipe,jpegls_pipe,j2k_pipe,jpegxl_pipe,"
    "webp_pipe,bmp_pipe,tiff_pipe,exr_pipe,dpx_pipe,qoi_pipe,ppm_pipe,pgm_pipe,pbm_pipe,pam_pipe,"
    "pfm_pipe,ico,"
    "wav,mp3,aac,flac";  // for the message that there is no video in it

/// Opens a container for reading, from this file alone: whatever stands in it, FFmpeg opens no
/// other. `what` opens the message. Throws Error: invalid_file.
FREEINIT_INLINE InputHandle open_container(const std::filesystem::path& path,
                                           const std::string& what) {
  AVFormatContext* input = allocated(avformat_alloc_context());
  silence_input(input);
  Options options;
  options.set("protocol_whitelist", "file");
  options.set("format_whitelist", kKnownContainers);
  options.set("pattern_type", "none");  // a name like frame_%05d.png is the name of one picture
  const int result =
      avformat_open_input(&input, file_url(path).c_str(), nullptr, options.address());
  if (result == AVERROR(EINVAL)) {
    raise(ErrorCode::invalid_file, what +
                                       ": is of a kind that is not opened, a playlist for "
                                       "instance; expected a file that holds the pictures itself");
  }
  if (result == AVERROR_INVALIDDATA) raise(ErrorCode::invalid_file, what);
  ffmpeg_check(result, ErrorCode::invalid_file, what);
  return InputHandle(input);
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
