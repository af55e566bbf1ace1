// From series to what a tile is fed with: windows are gathered, scaled and anchored one tile at a
// time; an array of all windows never exists.
//
// Letters: C context length, h horizon, P values a step reads (a patch), T steps of the network
// (the patches of C, and of h where it reads on through the horizon), I inputs a step, L lanes. A
// missing value is NaN.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "random.hpp"

namespace gatecast {

// How the network sees a window: x = (y - location) / scale, both taken from its context alone.
enum class Scaling {
  kNone,      // 0 and 1
  kStandard,  // mean and standard deviation
  kMeanAbs,   // 0 and the mean absolute value
  kLevel,     // 0 and the mean absolute value of the last season (of the last 4 without a season)
  kFirst,     // the first value and itself: the tutorial's p / p0 - 1
  kSeries,    // mean, and the spread of the whole series: the same scale for all of its windows
};
// What the network's output is added to: target = (y - anchor) / scale.
enum class Anchor {
  kNone,    // the location
  kLast,    // the last value of the context: zero output is the naive forecast
  kSeason,  // the value one season before: zero output is the seasonal naive forecast
};

struct Windowing {
  int context_length = 1, horizon = 1;
  Scaling scaling = Scaling::kStandard;
  Anchor anchor = Anchor::kLast;
  int season_length = 1;
  bool mask = false;      // an input says whether the value of a step was observed
  bool reads_on = false;  // the network goes on through the horizon, where covariates are known and
                          // the value is its anchor, not observed
  int patch_size = 1;     // values that one step reads

  int context_steps() const { return patches(context_length); }
  int time_steps() const { return context_steps() + (reads_on ? patches(horizon) : 0); }
  // Steps that the head reads, and values that come out of them: whole patches, where it reads on.
  int head_steps() const { return reads_on ? patches(horizon) : 1; }
  int output_steps() const { return reads_on ? patches(horizon) * patch_size : horizon; }

 private:
  int patches(int length) const { return (length - 1) / patch_size + 1; }
};

// What the network reads beside the values, encoded. Empty by default.
struct Covariates {
  const float* past = nullptr;                 // [total][n_past], a row for each of the values
  const float* future = nullptr;               // [rows][n_future], beyond the end of a series too
  const std::int64_t* future_begin = nullptr;  // [n_series]: the row of a series' first value
  const float* constant = nullptr;             // [n_series][n_static]
  const double* spread =
      nullptr;  // [n_series]: the standard deviation of a series' values, or null
  int n_past = 0, n_future = 0, n_static = 0;
};

// By how much a window's location and scale change with each value of its context, and its scale
// with the spread of the whole series.
struct ScaleSlopes {
  std::vector<double> location, scale;  // [length]
  double scale_by_spread = 0;
};

// The scale of one window, finite and not zero whatever the context.
class WindowScale {
 public:
  // Without a single value (length 0), flat. A `spread` above rounding noise is the scale where the
  // context never changes.
  WindowScale(const Windowing& windowing, const double* context, int length, double spread = 0);
  double to_network(double y) const { return (y - location_) / scale_; }
  double target(double y, int k) const { return (y - anchor(k)) / scale_; }
  double from_network(double output, int k) const {
    return flat_ ? last() : anchor(k) + scale_ * output;
  }
  double anchor(int k) const;
  // Which value of the context that is; -1 for the location.
  int anchor_at(int k) const;
  double scale() const { return scale_; }
  ScaleSlopes slopes() const;
  // A context that never changes has no scale: it is continued as it is, and not trained on.
  bool flat() const { return flat_; }

 private:
  // What the scale was taken from in the end.
  enum class From { kNothing, kScaling, kMeanAbs, kSpread };

  double last() const;
  int recent() const;  // values that say what the level is

  const Windowing& windowing_;
  const double* context_;
  int length_;
  double location_ = 0, scale_ = 1;
  From from_ = From::kNothing;
  bool flat_ = false;
};

// One window's context: `length` values from position `position` of series number `series`, which
// are `values` here and values[row] of all.
struct Context {
  const double* values;
  int length;
  std::int64_t series, position, row;
};

// What a tile reads. Lanes beyond the windows asked for have zero input and zero weights.
struct TileInput {
  float* x;        // [T][I][L]
  float* targets;  // [h][L], h here the steps that come out
  float* weights;  // [h][L]: its window's weight, mostly 1, where a target counts, 0 elsewhere
  int* starts;     // [L]: the step at which a lane's sequence begins; before it, padding
};

// Writes contexts as the network reads them. A step's inputs: the scaled values of its patch;
// whether they were observed, where there is a mask; how wide the window is beside its series,
// where that is known (what a covariate does to a scaled value depends on it); covariates known so
// far and known ahead, those of one value after those of the other; and constant ones.
class WindowReader {
 public:
  // `complete`: no value is missing.
  WindowReader(const Windowing& windowing, const Covariates& covariates, bool complete)
      : windowing_(windowing), covariates_(covariates), complete_(complete) {}
  int inputs() const {
    return windowing_.patch_size *
               (1 + windowing_.mask + covariates_.n_past + covariates_.n_future) +
           reads_width() + covariates_.n_static;
  }
  // Right-aligned before the horizon, so that it is the first patch that may begin before the
  // context, where all is 0. The last one may reach beyond the horizon, where no covariates are
  // asked for: 0. In the place of missing values stands a line from neighbour
  // to neighbour within the context, or the nearest; `filled` holds it, and must outlive the scale.
  WindowScale read(Context context, int lane, int lanes, TileInput out,
                   std::vector<double>& filled) const;
  bool reads_width() const {
    return covariates_.spread && windowing_.scaling != Scaling::kNone &&
           windowing_.scaling != Scaling::kSeries;
  }
  static constexpr double kWidest = 3.0;  // a width beyond counts as this

 private:
  const Windowing& windowing_;
  Covariates covariates_;
  bool complete_;
};

// What a tile's backward pass leaves behind, for windows that have parameters of their own.
struct TileGradient {
  const float* x;        // [T][I][L]
  const float* outputs;  // [targets * Q][L]
  const float* weights;  // [targets][L]
  int outputs_per_target;
};

// Where windows come from, whatever they are cut from.
class WindowSource {
 public:
  virtual ~WindowSource() = default;
  virtual std::int64_t size() const = 0;
  virtual int time_steps() const = 0;  // at most
  virtual int inputs() const = 0;
  virtual int horizon() const = 0;
  // How many targets T steps have, and how many steps these windows take.
  virtual int targets(int) const { return horizon(); }
  virtual int steps(const std::uint32_t*, int) const { return time_steps(); }
  virtual void gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const = 0;
  // "series 3, window 17" for messages.
  virtual std::string describe(std::uint32_t window) const = 0;
  // Takes an epoch's windows anew, as many from each series, where windows are of series.
  virtual void balance(std::vector<std::uint32_t>&, Random&) const {}
  // Windows may depend on parameters of their own, which then learn after each tile; no window is
  // in two tiles of a batch. `rate` is the learning rate's factor at this step.
  virtual bool learns() const { return false; }
  virtual void learn(const std::uint32_t*, int, int, const TileGradient&, double) {}
  // Once all tiles of a batch have learnt.
  virtual void learnt(const std::uint32_t*, int, double) {}
  // Before an epoch: may change its windows, and puts them into an order that suits batches of this
  // size.
  virtual void begin_epoch(std::vector<std::uint32_t>&, int, Random&) {}
};

// Which windows of each series are used. Positions count from the series' first value; a negative
// position is a window that begins before it (left padding).
struct WindowRange {
  std::vector<std::int64_t> first;   // [n_series] position of the first window
  std::vector<std::int64_t> limit;   // [n_series] targets at or after it do not count
  std::vector<std::int64_t> indptr;  // [n_series + 1] running count of windows
  std::vector<float> weights;        // [n_series] of a window; empty where all count alike

  std::int64_t size() const { return indptr.back(); }
  // Weighs windows so that all series that have any count alike; the mean weight is 1.
  void weigh_series_alike();
};

// The last `fraction` of each series' windows are for validation; the training windows before them
// count no target that validation will ask for. With `at_most`, only so many of the newest windows
// of each series are used at all.
struct WindowSplit {
  WindowRange training, validation;
};
WindowSplit split_by_time(const std::int64_t* indptr, std::int64_t n_series, int context_length,
                          int horizon, double fraction,
                          std::int64_t at_most = std::numeric_limits<std::int64_t>::max());

// Windows of many series, end to end in `values`; series s is values[indptr[s] : indptr[s + 1]].
class SeriesWindows final : public WindowSource {
 public:
  SeriesWindows(const double* values, const std::int64_t* indptr, const Windowing& windowing,
                const WindowRange& range, const Covariates& covariates = {});
  std::int64_t size() const override { return range_.size(); }
  int time_steps() const override { return windowing_.time_steps(); }
  int inputs() const override { return reader_.inputs(); }
  int horizon() const override { return windowing_.output_steps(); }
  void gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const override;
  std::string describe(std::uint32_t window) const override;
  // Evenly spread over each series: some of a long one's windows, those of a short one repeatedly.
  void balance(std::vector<std::uint32_t>& windows, Random& random) const override;

 private:
  struct Place {
    std::int64_t series, position;
  };
  Place find(std::uint32_t window) const;

  const double* values_;
  const std::int64_t* indptr_;
  const Windowing& windowing_;
  const WindowRange& range_;
  WindowReader reader_;
};

// Windows given one by one: x [N][T][I], targets and weights [N][h], starts [N]. With
// `input_gradient` [N][T][I], that of the sum of losses is written there.
class ArrayWindows final : public WindowSource {
 public:
  ArrayWindows(std::int64_t N, int T, int I, int h, const float* x, const float* targets,
               const float* weights, const int* starts, float* input_gradient = nullptr)
      : N_(N),
        T_(T),
        I_(I),
        h_(h),
        x_(x),
        targets_(targets),
        weights_(weights),
        starts_(starts),
        input_gradient_(input_gradient) {}
  std::int64_t size() const override { return N_; }
  int time_steps() const override { return T_; }
  int inputs() const override { return I_; }
  int horizon() const override { return h_; }
  void gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const override;
  std::string describe(std::uint32_t window) const override;
  bool learns() const override { return input_gradient_ != nullptr; }
  void learn(const std::uint32_t* windows, int n, int lanes, const TileGradient& gradient,
             double rate) override;

 private:
  std::int64_t N_;
  int T_, I_, h_;
  const float *x_, *targets_, *weights_;  // weights and starts may be null: all 1, all 0
  const int* starts_;
  float* input_gradient_;
};

}  // namespace gatecast
