#pragma once

// The names of all types, for headers that only mention them.

#include <freeinit/core/config.hpp>

namespace freeinit::inline FREEINIT_ABI {

// core
enum class ErrorCode : int;
enum class LogLevel;
enum class Phase;
class Error;
class Saturated;
struct LatentShape;
struct ProcessMemory;
struct Progress;
struct RunControl;

// options
enum class AlgorithmType;
enum class BetaSchedule;
enum class ContextSchedule;
enum class FieldKind;
enum class FilterAxes;
enum class FilterMethod;
enum class FilterVariant;
enum class FinalSigma;
enum class FuseMethod;
enum class IntermediateResult;
enum class LongNoise;
enum class MixMethod;
enum class PredictionType;
enum class Profile;
enum class SigmaSpacing;
enum class SolverType;
enum class TimestepSpacing;
enum class VideoNoiseSource;
struct ContextOptions;
struct FreeInitOptions;
struct FrequencyFilterOptions;
struct GenerationRequest;
struct GuidanceInterval;
struct IntermediatePassOptions;
struct NoiseMixOptions;
struct PromptKey;
struct RealVideoOptions;
struct RequestField;
struct SamplerConfig;
struct VaeTilingOptions;

// text
class ClipTokenizer;
struct ClipTokenizerOptions;
struct TokenizedPrompt;

// io
enum class OutputKind;
enum class VideoFormat;
class OutputFile;
class PictureWriter;
class SafetensorsReader;
class Sha256;
class VideoWriter;
struct DecodedVideo;
struct FrameSelection;
struct SafetensorsEntry;
struct SafetensorsView;
struct VideoWriterOptions;

// bundle
class HashStamps;
struct AutoencoderSpec;
struct FileRecord;
struct ImageEncoderSpec;
struct LatentRgbSpec;
struct Manifest;
struct MemorySpec;
struct TextEncoderSpec;
struct TokenizerSpec;
struct UNetBackendSpec;
struct UNetSpec;

// tensors
enum class Interpolation;
struct ImageSize;
struct VideoFrames;

// noise
class NoiseReinitializer;
class NoiseSource;

// sampling
class NoiseSchedule;
class Sampler;
struct NoiseLevel;
struct SamplerRow;
struct SamplerState;

// passes
class FreeInit;
struct Checkpoint;
struct FreeInitResult;
struct FreeInitSettings;
struct FreeInitState;
struct PassPlan;
struct RealVideoSettings;
struct RunHooks;
struct RunPoint;

// analysis
class FrequencyBands;
struct BandFit;
struct ChangeScores;
struct ConsistencyScores;
struct ForwardAnalysis;
struct ForwardAnalysisOptions;
struct ForwardLevel;
struct FrequencyBand;
struct NoiseStatistics;

// networks
enum class OperatorRule;
enum class Runtime;
enum class WeightStorage;
class Autoencoder;
class Conditioning;
class FeatureCache;
class ImageEncoder;
class TextEncoder;
class VideoUNet;
class WindowedUNet;
struct BundleOptions;
struct ContextWindow;
struct DeepPrediction;
struct GuidanceOptions;
struct KeyText;
class ModelBundle;
struct NetworkSource;
struct TimestepInterval;
struct UNetBackend;
struct UNetInput;
struct WindowSettings;

// pipeline
class CheckpointFolder;
class ProfileTrace;
class TextToVideoPipeline;
struct GeneratedVideo;
struct GenerationHooks;
struct GenerationInputs;
struct GenerationResult;
struct HeapOverhead;
struct MemoryConditions;
struct MemoryEstimate;
struct ProbeFinding;
struct ProbeReport;
struct RunRecord;
struct VideoState;

}  // namespace freeinit::inline FREEINIT_ABI
