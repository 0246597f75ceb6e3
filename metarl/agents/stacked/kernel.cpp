// A2C with an LSTM for several subjects: one step, and one update, as one call each.
//
// Subjects are computed one after the other by the same code, so the bytes of a subject
// do not depend on the others. The tests compare it with the same equations in torch:
// metarl/agents/learning/a2c.py and metarl/agents/unrolls/branch.py. Written with the
// vector types of GCC and Clang, so that one source serves AVX-512, AVX2 and NEON.
//
// A network has one core for policy and value, or two: an actor, and a separate critic
// that is stepped first and whose prediction error the actor can receive. Both are the
// same code with other weights and heads.
//
// Layout. Units are padded to whole vectors (HP) and the gates interleaved by vector:
// i f g o of the first W units, then of the next. One tile of the matrix product then
// holds all gates of W units, and the cell is updated before they leave the registers.
// A padded unit has zero weights, so its activity and gradient stay 0.

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

#if defined(__AVX512F__)
constexpr int W = 16, ROWS = 6;
#elif defined(__AVX__)
constexpr int W = 8, ROWS = 2;
#else
constexpr int W = 4, ROWS = 6;
#endif

typedef float V __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef int32_t I __attribute__((vector_size(W * 4), aligned(4), may_alias));

constexpr int ENVS_AT_ONCE = 64;   // of a block: its errors stay in the first cache
constexpr int GRADIENT_ROWS = 96;  // (step, environment) pairs for one weight gradient
constexpr int WAITING_ROWS = GRADIENT_ROWS + ENVS_AT_ONCE;
constexpr int MOST_ACTIONS = 64;
constexpr int METRICS = 10;

inline V load(const float *p) { return *reinterpret_cast<const V *>(p); }
inline void store(float *p, V v) { *reinterpret_cast<V *>(p) = v; }
inline V all(float x) { return x - V{}; }

#if defined(__AVX512F__)
inline V rounded(V x) { return _mm512_roundscale_ps(x, 8); }
inline V times_power(V y, V n) { return _mm512_scalef_ps(y, n); }
// NaN stays NaN: the second argument is the result if one is not a number.
inline V at_least(float low, V x) { return _mm512_max_ps(all(low), x); }
// 1 / x by an estimate of 14 bits and a step of Newton's method.
inline V inverse(V x) {
  const V y = _mm512_rcp14_ps(x);
  return y * (2.f - x * y);
}
#else
constexpr float MAGIC = 12582912.f;  // 1.5 * 2^23: adding it rounds to a whole number
inline V rounded(V x) { return (x + MAGIC) - MAGIC; }
// The low bits of n + MAGIC hold n; shifted into the exponent.
inline V times_power(V y, V n) {
  n = n < all(-126.f) ? all(-126.f) : n;
  const I bits = (reinterpret_cast<I>(n + MAGIC) << 23) + 0x3f800000;
  return y * reinterpret_cast<V>(bits);
}
inline V at_least(float low, V x) { return x < all(low) ? all(low) : x; }
inline V inverse(V x) { return 1.f / x; }
#endif

// exp(x) for x <= 85, with a relative error of 2e-7.
inline V exponential(V x) {
  const V n = rounded(x * 1.44269504f);
  V r = x - n * .693359375f;
  r += n * 2.12194440e-4f;
  V y = r * 1.9875691500e-4f + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * (r * r) + (r + 1.f);
  return times_power(y, n);
}

inline V sigmoid(V x) { return inverse(1.f + exponential(-at_least(-80.f, x))); }
inline V tanh_of(V x) { return 2.f * sigmoid(2.f * x) - 1.f; }

// log(x) for normal x > 0, with an absolute error of 1e-7.
inline V logarithm(V x) {
  const I bits = reinterpret_cast<I>(x) - 0x3f3504f3;  // sqrt(1/2)
  const V n = __builtin_convertvector(bits >> 23, V);
  const V m = reinterpret_cast<V>((bits & 0x7fffff) + 0x3f3504f3) - 1.f;
  V y = m * 7.0376836292e-2f - 1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m - 1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m - 1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m - 2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  y = y * m * m * m - .5f * m * m + n * -2.12194440e-4f;
  return m + y + n * .693359375f;
}

// Calls body.template operator()<N>(first) for N = n, 1 <= n <= Most.
template <int Most, class Body>
inline void with_count(int64_t n, int64_t first, Body &&body) {
  if constexpr (Most > 1) {
    if (n < Most) return with_count<Most - 1>(n, first, body);
  }
  body.template operator()<Most>(first);
}

// acc[r][v] += sum over k of a[r, k] * b[k, v], with steps between rows and columns.
template <int R, int N>
inline void multiply(V (&acc)[R][N], const float *a, long row, long column,
                     const float *b, long ldb, int depth) {
  for (int k = 0; k < depth; ++k) {
    V right[N];
    for (int n = 0; n < N; ++n) right[n] = load(b + k * ldb + n * W);
    for (int r = 0; r < R; ++r) {
      const V left = all(a[r * row + k * column]);
      for (int n = 0; n < N; ++n) acc[r][n] += left * right[n];
    }
  }
}

}  // namespace

extern "C" {

// One core of each subject, with linear heads on its activity.
struct Cores {
  int64_t heads;        // N, number of outputs
  int64_t outputs;      // NP, outputs in whole vectors
  int64_t first;        // place of its numbers among those of a subject
  float *packed;        // (S, row, 4 HP)
  float *recurrent;     // (S, 4 HP, HP) transposed
  float *head_weights;  // (S, HP, NP) weights, then (S, NP) biases
  float *readout;       // (S, N, HP)
  float *joined;        // (S, T + 1, B, row)
  float *gates;         // (S, T + 1, B, 4 HP)
  float *cells;         // (S, T + 2, B, HP) before each step
  float *logits;        // (S, T + 1, B, NP) outputs; a shared critic's value is last
  float *errors;        // (S, T, B, NP) gradient of the loss in the outputs
};

struct Group {
  // Sizes: subjects, environments of each, steps of an unroll, inputs, units, actions.
  int64_t subjects, envs, steps, observation, units, actions;
  int64_t padded;    // HP, units in whole vectors
  int64_t row;       // HP + inputs + 1: activity, inputs, and a 1 for the bias
  int64_t numbers;   // trainable numbers of a subject
  int64_t local;     // whether errors stop at the recurrent weights
  int64_t normalize, optimizer, train_initial, summed;
  int64_t separate;  // whether the critic has a core of its own
  int64_t feedback;  // of an actor: 0 none, 1 the reward, 2 the prediction error
  double trace_decay, value_weight, decay, epsilon, clip;
  const float *mask;  // (inputs,) 0 for an ablated input
  float *weights;     // (S, numbers) core, bias, initial memory, heads, their bias
  float *gradient;    // (S, numbers)
  float *squares;     // (S, numbers) running mean of squared gradients
  float *momentum;    // (S, numbers) running mean of gradients; Adam alone
  int64_t *updates;   // (S, 2) updates of all weights, and of the initial memory
  float *scratch;     // for one core: see scratch_size
  int64_t *chosen;    // (T, S, B)
  float *rewards;     // (T, S, B)
  uint8_t *ended;     // (T, S, B)
  uint8_t *started;   // (T + 1, S, B)
  uint8_t *any_start; // (T + 1,)
  float *running;     // (S, B) return so far of the episode in progress
  double *metrics;    // (S, METRICS)
  const float *discounts;  // (S,) of the prediction error that an actor receives
  float *values;      // (S, B) of a separate critic at the step before
  Cores actor;        // with a shared critic, the core of policy and value
  Cores critic;       // unused if it is shared
};

int64_t vector_width() { return W; }

}  // extern "C"

namespace {

// Calls body.template operator()<N>(first) for the parts of [first, stop), which have
// N <= Most elements each and differ in size by at most 1.
template <int Most, class Body>
inline void in_tiles(int64_t first, int64_t stop, Body &&body) {
  for (int64_t parts = (stop - first + Most - 1) / Most; parts > 0; --parts) {
    const int64_t size = (stop - first + parts - 1) / parts;
    with_count<Most>(size, first, body);
    first += size;
  }
}

// A core of one subject.
struct Core {
  const Group &g;
  const Cores &own;
  const int64_t s, B, T, H, HP, KA, A, N, NP, G4, inputs, place;
  float *const weights, *const gradient;
  // Parts of the flat weights.
  const int64_t bias, initial, heads, head_bias;

  Core(const Group &group, const Cores &cores, int64_t subject)
      : g(group), own(cores), s(subject), B(group.envs), T(group.steps),
        H(group.units), HP(group.padded), KA(group.row), A(group.actions),
        N(cores.heads), NP(cores.outputs), G4(4 * group.padded),
        inputs(group.observation + group.actions + 1),
        place(subject * group.numbers + cores.first), weights(group.weights + place),
        gradient(group.gradient + place), bias((inputs + H) * 4 * H),
        initial(bias + 4 * H), heads(initial + 2 * H), head_bias(heads + N * H) {}

  float *packed() const { return own.packed + s * KA * G4; }
  float *recurrent() const { return own.recurrent + s * G4 * HP; }
  float *head_weights() const { return own.head_weights + s * (HP + 1) * NP; }
  float *readout() const { return own.readout + s * N * HP; }
  float *joined(int64_t t) const { return own.joined + ((s * (T + 1) + t) * B) * KA; }
  float *gates(int64_t t) const { return own.gates + ((s * (T + 1) + t) * B) * G4; }
  float *cells(int64_t t) const { return own.cells + ((s * (T + 2) + t) * B) * HP; }
  float *logits(int64_t t) const { return own.logits + ((s * (T + 1) + t) * B) * NP; }
  float *errors(int64_t t) const { return own.errors + ((s * T + t) * B) * NP; }
  int64_t at(int64_t t) const { return (t * g.subjects + s) * B; }

  // Column of a gate of a unit in the packed layout.
  static int64_t column(int64_t gate, int64_t unit) {
    return (unit / W * 4 + gate) * W + unit % W;
  }

  // Calls f(flat, row, column) for each weight and bias of the core.
  template <class F>
  void each_core_weight(F f) const {
    for (int64_t k = 0; k <= inputs + H; ++k) {
      const int64_t row = k < inputs ? HP + k : k < inputs + H ? k - inputs : KA - 1;
      for (int64_t gate = 0; gate < 4; ++gate)
        for (int64_t unit = 0; unit < H; ++unit)
          f(k * 4 * H + gate * H + unit, row, column(gate, unit));
    }
  }

  void pack() const {
    float *into = packed(), *back = recurrent();
    std::memset(into, 0, sizeof(float) * KA * G4);
    std::memset(back, 0, sizeof(float) * G4 * HP);
    each_core_weight([&](int64_t flat, int64_t row, int64_t col) {
      into[row * G4 + col] = weights[flat];
      if (row < HP) back[col * HP + row] = weights[flat];
    });
    float *out = head_weights(), *read = readout();
    std::memset(out, 0, sizeof(float) * (HP + 1) * NP);
    std::memset(read, 0, sizeof(float) * N * HP);
    for (int64_t n = 0; n < N; ++n) {
      for (int64_t h = 0; h < H; ++h)
        out[h * NP + n] = read[n * HP + h] = weights[heads + n * H + h];
      out[HP * NP + n] = weights[head_bias + n];
    }
  }

  // Begins an unroll with the present weights, after the last step of the one before.
  void begin() const {
    pack();
    std::memcpy(joined(0), joined(T), sizeof(float) * B * KA);
    std::memcpy(cells(0), cells(T), sizeof(float) * B * HP);
  }

  // Sets activity and cell of an environment to the initial ones.
  void start(int64_t t, int64_t b) const {
    float *row = joined(t) + b * KA, *cell = cells(t) + b * HP;
    std::copy(weights + initial, weights + initial + H, row);
    std::copy(weights + initial + H, weights + initial + 2 * H, cell);
  }

  // Writes observation, last action and last reward into the rows of a step.
  void join(int64_t t, const float *observation, int64_t stride, const int64_t *action,
            const float *reward) const {
    const uint8_t *starts = g.any_start[t] ? g.started + at(t) : nullptr;
    for (int64_t b = 0; b < B; ++b) {
      float *row = joined(t) + b * KA, *x = row + HP;
      const int64_t env = s * B + b;
      std::copy_n(observation + env * stride, g.observation, x);
      float *feedback = x + g.observation;
      std::fill(feedback, feedback + A + 1, 0.f);
      if (starts && starts[b]) {
        start(t, b);
      } else {
        feedback[action[env]] = 1.f;
        feedback[A] = reward[env];
      }
      if (g.mask)
        for (int64_t k = 0; k < inputs; ++k) x[k] *= g.mask[k];
      row[KA - 1] = 1.f;
    }
  }

  // All gates of W units in R environments, the new cell, and the activity.
  template <int R>
  void tile(int64_t t, int64_t b, int64_t u) const {
    V acc[R][4] = {};
    multiply<R, 4>(acc, joined(t) + b * KA, KA, 1, packed() + u * 4 * W, G4, int(KA));
    const bool last = t == T;
    for (int r = 0; r < R; ++r) {
      const V i = sigmoid(acc[r][0]), f = sigmoid(acc[r][1]);
      const V c = tanh_of(acc[r][2]), o = sigmoid(acc[r][3]);
      float *gate = gates(t) + (b + r) * G4 + u * 4 * W;
      store(gate, i), store(gate + W, f), store(gate + 2 * W, c), store(gate + 3 * W, o);
      const V cell = f * load(cells(t) + (b + r) * HP + u * W) + i * c;
      const V activity = o * tanh_of(cell);
      store(cells(t + 1) + (b + r) * HP + u * W, cell);
      // The rows of the next step; those of the last go to the scratch.
      float *next = last ? g.scratch + (b + r) * HP : joined(t + 1) + (b + r) * KA;
      store(next + u * W, activity);
    }
  }

  template <int R>
  void output_tile(int64_t t, int64_t b, int64_t n) const {
    V acc[R][1];
    const V first = load(head_weights() + HP * NP + n);
    for (int r = 0; r < R; ++r) acc[r][0] = first;
    const bool last = t == T;
    const float *activity = last ? g.scratch + b * HP : joined(t + 1) + b * KA;
    multiply<R, 1>(acc, activity, last ? HP : KA, 1, head_weights() + n, NP, int(HP));
    for (int r = 0; r < R; ++r) store(logits(t) + (b + r) * NP + n, acc[r][0]);
  }

  void forward(int64_t t) const {
    for (int64_t first = 0; first < B; first += ENVS_AT_ONCE) {
      const int64_t stop = std::min(B, first + ENVS_AT_ONCE);
      for (int64_t u = 0; u < HP / W; ++u)
        in_tiles<ROWS>(first, stop, [&]<int R>(int64_t b) { tile<R>(t, b, u); });
      for (int64_t n = 0; n < NP; n += W)
        in_tiles<8>(first, stop, [&]<int R>(int64_t b) { output_tile<R>(t, b, n); });
    }
  }

  // Gradient in the drives of one environment at one step, from errors after it.
  void cell_errors(int64_t t, int64_t b, float *dh, float *dc, float *head,
                   float *drive) const {
    const float *error = errors(t) + b * NP, *read = readout();
    for (int64_t u = 0; u < HP; u += W) {
      const float *gate = gates(t) + b * G4 + u * 4;
      float *into_gate = drive + u * 4;
      const V i = load(gate), f = load(gate + W), c = load(gate + 2 * W);
      const V o = load(gate + 3 * W), before = load(cells(t) + b * HP + u);
      const V squashed = tanh_of(f * before + i * c), activity = o * squashed;
      V into = load(dh + u);
      for (int64_t n = 0; n < N; ++n) {
        into += error[n] * load(read + n * HP + u);
        store(head + n * HP + u, load(head + n * HP + u) + error[n] * activity);
      }
      const V cell = load(dc + u) + into * o * (1.f - squashed * squashed);
      store(into_gate, cell * c * i * (1.f - i));
      store(into_gate + W, cell * before * f * (1.f - f));
      store(into_gate + 2 * W, cell * i * (1.f - c * c));
      store(into_gate + 3 * W, into * squashed * o * (1.f - o));
      store(dc + u, cell * f);
    }
  }

  // dh = drives * recurrent weights, for `count` environments.
  void errors_before(const float *drives, int64_t count, float *dh) const {
    in_tiles<4>(0, HP / W, [&]<int N>(int64_t u) {
      in_tiles<(24 / N > 8 ? 8 : 24 / N)>(0, count, [&]<int R>(int64_t b) {
        V acc[R][N] = {};
        multiply<R, N>(acc, drives + b * G4, G4, 1, recurrent() + u * W, HP, int(G4));
        for (int r = 0; r < R; ++r)
          for (int n = 0; n < N; ++n) store(dh + (b + r) * HP + (u + n) * W, acc[r][n]);
      });
    });
  }

  // core += rows of `joined`, transposed, times drives.
  void weight_gradient(const float *rows, const float *drives, int64_t count,
                       float *core) const {
    for (int64_t u = 0; u < G4; u += 4 * W)
      in_tiles<ROWS>(0, KA, [&]<int R>(int64_t k) {
        V acc[R][4];
        float *out = core + k * G4 + u;
        for (int r = 0; r < R; ++r)
          for (int n = 0; n < 4; ++n) acc[r][n] = load(out + r * G4 + n * W);
        multiply<R, 4>(acc, rows + k, 1, KA, drives + u, G4, int(count));
        for (int r = 0; r < R; ++r)
          for (int n = 0; n < 4; ++n) store(out + r * G4 + n * W, acc[r][n]);
      });
  }

  void backward() const {
    float *core = g.scratch, *head = core + KA * G4, *bias_of = head + N * HP;
    float *start_of = bias_of + NP, *dh = start_of + 2 * HP, *dc = dh + ENVS_AT_ONCE * HP;
    float *waiting = dc + ENVS_AT_ONCE * HP;
    std::memset(core, 0, sizeof(float) * (waiting - core));
    for (int64_t first = 0; first < B; first += ENVS_AT_ONCE) {
      const int64_t count = std::min<int64_t>(ENVS_AT_ONCE, B - first);
      std::memset(dh, 0, sizeof(float) * 2 * ENVS_AT_ONCE * HP);
      // Gradients in the drives, the latest step last; in the cache, as they are
      // needed twice and then no more.
      float *const end = waiting + WAITING_ROWS * G4, *drives = end;
      for (int64_t t = T - 1; t >= 0; --t) {
        drives -= count * G4;
        for (int64_t b = 0; b < count; ++b) {
          cell_errors(t, first + b, dh + b * HP, dc + b * HP, head, drives + b * G4);
          for (int64_t n = 0; n < N; ++n) bias_of[n] += errors(t)[(first + b) * NP + n];
        }
        if (g.local)
          std::memset(dh, 0, sizeof(float) * count * HP);
        else
          errors_before(drives, count, dh);
        if (g.any_start[t]) initial_errors(t, first, count, dh, dc, start_of);
        // Rows of successive steps lie side by side if the block has all environments.
        const int64_t rows = (end - drives) / G4;
        if (count < B || rows >= GRADIENT_ROWS || t == 0) {
          weight_gradient(joined(t) + first * KA, drives, rows, core);
          drives = end;
        }
      }
    }
    each_core_weight([&](int64_t flat, int64_t row, int64_t col) {
      gradient[flat] = core[row * G4 + col];
    });
    for (int64_t h = 0; h < H; ++h) {
      gradient[initial + h] = g.train_initial ? start_of[h] : 0.f;
      gradient[initial + H + h] = g.train_initial ? start_of[HP + h] : 0.f;
    }
    for (int64_t n = 0; n < N; ++n) {
      std::copy(head + n * HP, head + n * HP + H, gradient + heads + n * H);
      gradient[head_bias + n] = bias_of[n];
    }
  }

  // Collects the gradient in the initial memory; none reaches the episode before.
  void initial_errors(int64_t t, int64_t first, int64_t count, float *dh, float *dc,
                      float *start_of) const {
    const uint8_t *start = g.started + at(t) + first;
    for (int64_t b = 0; b < count; ++b) {
      if (!start[b]) continue;
      for (int64_t u = 0; u < HP; ++u) {
        start_of[u] += dh[b * HP + u];
        start_of[HP + u] += dc[b * HP + u];
        dh[b * HP + u] = dc[b * HP + u] = 0.f;
      }
    }
  }

  // One optimizer step on weights [from, to) after `count` steps.
  void descend(int64_t from, int64_t to, int64_t count, float rate, float factor) const {
    const float decay = float(g.decay), epsilon = float(g.epsilon);
    float *square = g.squares + place, *mean = g.momentum + place;
    const double first = 1 - std::pow(.9, double(count));
    const double second = std::sqrt(1 - std::pow(.999, double(count)));
    for (int64_t k = from; k < to; ++k) {
      const float x = gradient[k] * factor;
      if (g.optimizer == 1) {  // Adam
        mean[k] += (x - mean[k]) * .1f;
        square[k] = square[k] * .999f + .001f * x * x;
        const float root = std::sqrt(square[k]) / float(second) + epsilon;
        weights[k] -= float(rate / first) * (mean[k] / root);
        continue;
      }
      square[k] = square[k] * decay + (1 - decay) * x * x;
      const float root = g.optimizer == 2 ? std::sqrt(square[k] + epsilon)
                                          : std::sqrt(square[k]) + epsilon;
      weights[k] -= rate * (x / root);
    }
  }

};

// A subject: its actor and its critic, one core or two.
struct Subject {
  const Group &g;
  const int64_t s, B, T, A;
  const Core actor, critic;
  const int64_t value;  // place of the value among the critic's outputs

  Subject(const Group &group, int64_t subject)
      : g(group), s(subject), B(group.envs), T(group.steps), A(group.actions),
        actor(group, group.actor, subject),
        critic(group, group.separate ? group.critic : group.actor, subject),
        value(group.separate ? 0 : group.actions) {}

  int64_t at(int64_t t) const { return actor.at(t); }

  template <class F>
  void for_cores(F f) const {
    f(actor);
    if (g.separate) f(critic);
  }

  // The critic first: its value is part of the error that the actor receives. After the
  // last step, without noise, the value alone is needed.
  void step(int64_t t, const float *observation, int64_t stride, const int64_t *action,
            const float *reward, const float *gumbel) const {
    critic.join(t, observation, stride, action, reward);
    critic.forward(t);
    if (!gumbel) return;
    if (g.separate) {
      join_actor(t);
      actor.forward(t);
    }
    choose(t, gumbel);
  }

  // Writes the inputs of the critic into the rows of the actor, with other feedback.
  void join_actor(int64_t t) const {
    const int64_t KA = actor.KA, HP = actor.HP, inputs = actor.inputs;
    const uint8_t *starts = g.any_start[t] ? g.started + at(t) : nullptr;
    float *before = g.values + s * B;
    for (int64_t b = 0; b < B; ++b) {
      const float *from = critic.joined(t) + b * KA + HP;
      float *x = actor.joined(t) + b * KA + HP, &feedback = x[inputs - 1];
      const float now = critic.logits(t)[b * critic.NP + value];
      std::copy_n(from, inputs + 1, x);
      const bool first = starts && starts[b];
      if (first) actor.start(t, b);
      if (g.feedback == 0 || (g.feedback == 2 && first)) feedback = 0.f;
      else if (g.feedback == 2) feedback += g.discounts[s] * now - before[b];
      before[b] = now;
    }
  }

  void choose(int64_t t, const float *gumbel) const {
    for (int64_t b = 0; b < B; ++b) {
      const float *out = actor.logits(t) + b * actor.NP, *noise = gumbel + (s * B + b) * A;
      int64_t best = 0;
      for (int64_t a = 1; a < A; ++a)
        if (out[a] + noise[a] > out[best] + noise[best]) best = a;
      g.chosen[at(t) + b] = best;
    }
  }

  // Prediction errors, advantages and returns into the scratch; three times (T, B).
  struct Targets {
    float *values, *rpes, *advantages;
    double mean, deviation;
  };

  static void moments(const float *x, int64_t n, double &mean, double &deviation) {
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; ++k) sum += x[k];
    mean = sum / n;
    for (int64_t k = 0; k < n; ++k) squares += (x[k] - mean) * (x[k] - mean);
    deviation = std::sqrt(squares / n);
  }

  void accumulate(const Targets &target, float discount) const {
    const float carry = discount * float(g.trace_decay);
    for (int64_t t = T - 1; t >= 0; --t) {
      const float *rpe = target.rpes + t * B, *next = target.advantages + (t + 1) * B;
      const uint8_t *over = g.ended + at(t);
      float *advantage = target.advantages + t * B;
      for (int64_t b = 0; b < B; ++b)
        advantage[b] = t < T - 1 && !over[b] ? rpe[b] + carry * next[b] : rpe[b];
    }
  }

  Targets targets(float discount) const {
    const int64_t n = T * B;
    Targets result{g.scratch, g.scratch + n + B, g.scratch + 2 * n + B, 0, 0};
    for (int64_t t = 0; t <= T; ++t)
      for (int64_t b = 0; b < B; ++b)
        result.values[t * B + b] = critic.logits(t)[b * critic.NP + value];
    for (int64_t t = 0; t < T; ++t) {
      const float *now = result.values + t * B, *next = now + B;
      const float *reward = g.rewards + at(t);
      const uint8_t *over = g.ended + at(t);
      float *rpe = result.rpes + t * B;
      for (int64_t b = 0; b < B; ++b)
        rpe[b] = reward[b] + (over[b] ? 0.f : discount * next[b]) - now[b];
    }
    accumulate(result, discount);
    moments(result.advantages, n, result.mean, result.deviation);
    return result;
  }

  // The gradient of the loss in logits and values, in closed form.
  void loss(float discount, float entropy_weight) const {
    const Targets target = targets(discount);
    const float share = g.summed ? 1.f : 1.f / float(T * B);
    const float scale = g.normalize ? 1.f / float(target.deviation + 1e-8) : 1.f;
    const float centre = g.normalize ? float(target.mean) : 0.f;
    double policy = 0, squares = 0, entropy = 0;
    for (int64_t t = 0; t < T; ++t)
      for (int64_t first = 0; first < B; first += W) {
        const int lanes = int(std::min<int64_t>(W, B - first));
        V logit[MOST_ACTIONS], chance[MOST_ACTIONS];
        const float *out = actor.logits(t) + first * actor.NP;
        V most = all(-INFINITY);
        for (int64_t a = 0; a < A; ++a) {
          logit[a] = V{};
          for (int k = 0; k < lanes; ++k) logit[a][k] = out[k * actor.NP + a];
          most = logit[a] > most ? logit[a] : most;
        }
        V total{};
        for (int64_t a = 0; a < A; ++a) {
          logit[a] -= most;
          chance[a] = exponential(logit[a]);
          total += chance[a];
        }
        V spread{};
        const V log_total = logarithm(total), share_of = 1.f / total;
        for (int64_t a = 0; a < A; ++a) {
          chance[a] *= share_of;
          logit[a] -= log_total;
          spread -= chance[a] * logit[a];
        }
        for (int k = 0; k < lanes; ++k) {
          const int64_t b = first + k, i = t * B + b, action = g.chosen[at(t) + b];
          const float advantage = (target.advantages[i] - centre) * scale;
          const float wrong = -target.advantages[i];  // the value less its return
          float *error = actor.errors(t) + b * actor.NP;
          for (int64_t a = 0; a < A; ++a) {
            const float one = a == action ? 1.f : 0.f, p = chance[a][k];
            error[a] = share * (advantage * (p - one) +
                                entropy_weight * p * (logit[a][k] + spread[k]));
          }
          critic.errors(t)[b * critic.NP + value] =
              share * float(g.value_weight) * wrong;
          policy -= double(advantage) * logit[action][k];
          squares += .5 * double(wrong) * wrong;
          entropy += spread[k];
        }
      }
    double *out = g.metrics + s * METRICS, mean, deviation;
    const double n = double(T * B);
    out[0] = policy / n, out[1] = squares / n, out[2] = entropy / n;
    moments(target.rpes, T * B, mean, deviation);
    out[4] = mean, out[5] = deviation;
    moments(target.values, (T + 1) * B, mean, deviation);
    out[6] = mean;
  }

  // Mean reward, and returns of the episodes that ended.
  void count_returns() const {
    float *running = g.running + s * B;
    double sum = 0, returns = 0, episodes = 0;
    for (int64_t t = 0; t < T; ++t)
      for (int64_t b = 0; b < B; ++b) {
        sum += g.rewards[at(t) + b];
        running[b] += g.rewards[at(t) + b];
        if (!g.ended[at(t) + b]) continue;
        returns += running[b];
        episodes += 1;
        running[b] = 0.f;
      }
    double *out = g.metrics + s * METRICS;
    out[7] = sum / double(T * B), out[8] = returns, out[9] = episodes;
  }

  void differentiate(float discount, float entropy_weight) const {
    count_returns();
    loss(discount, entropy_weight);
    for_cores([](const Core &core) { core.backward(); });
  }

  void optimize(float rate) const {
    const float *gradient = g.gradient + s * g.numbers;
    double squares = 0;
    for (int64_t k = 0; k < g.numbers; ++k) squares += double(gradient[k]) * gradient[k];
    const double norm = std::sqrt(squares);
    g.metrics[s * METRICS + 3] = norm;
    const double factor = g.clip > 0 ? std::min(1.0, g.clip / (norm + 1e-6)) : 1.0;
    bool any = false;
    for (int64_t t = 0; t < T; ++t)
      any |= g.any_start[t] && std::memchr(g.started + at(t), 1, size_t(B));
    int64_t *count = g.updates + 2 * s;
    // Unused in this unroll, the initial memory and its moments stay as they are.
    const bool starts = any && g.train_initial;
    count[0] += 1, count[1] += starts;
    for_cores([&](const Core &core) {
      core.descend(0, core.initial, count[0], rate, float(factor));
      if (starts) core.descend(core.initial, core.heads, count[1], rate, float(factor));
      core.descend(core.heads, core.head_bias + core.N, count[0], rate, float(factor));
    });
  }
};

}  // namespace

extern "C" {

// Floats of `scratch`.
int64_t scratch_size(const Group *group) {
  const Core one(*group, group->actor, 0);  // a separate critic needs no more
  const int64_t targets = 4 * (one.T + 1) * one.B;
  const int64_t gradients = one.KA * one.G4 + one.N * one.HP + one.NP +
                            2 * one.HP + 2 * ENVS_AT_ONCE * one.HP +
                            WAITING_ROWS * one.G4;
  return std::max(std::max(targets, gradients), one.B * one.HP);
}

// Begins an unroll with the present weights, after the last step of the one before.
void begin(const Group *group) {
  for (int64_t s = 0; s < group->subjects; ++s)
    Subject(*group, s).for_cores([](const Core &core) { core.begin(); });
}

// One step: stores what followed the step before, joins the inputs, computes gates,
// cells and outputs, and chooses actions. `start` is null if no memory is initial now;
// `gumbel` is null after the last step, where the value alone is needed. Observations of
// successive environments are `stride` numbers apart; 0 if all have the same.
void step(const Group *group, int64_t t, const float *observation, int64_t stride,
          const int64_t *action, const float *reward, const uint8_t *ended,
          const uint8_t *start, const float *gumbel) {
  const int64_t all_envs = group->subjects * group->envs;
  if (t > 0) {
    std::memcpy(group->rewards + (t - 1) * all_envs, reward, sizeof(float) * all_envs);
    std::memcpy(group->ended + (t - 1) * all_envs, ended, all_envs);
  }
  group->any_start[t] = start != nullptr;
  if (start) std::memcpy(group->started + t * all_envs, start, all_envs);
  for (int64_t s = 0; s < group->subjects; ++s)
    Subject(*group, s).step(t, observation, stride, action, reward, gumbel);
}

// Gradients of the loss of the finished unroll in all weights.
void differentiate(const Group *group, const float *discount, const float *entropy) {
  for (int64_t s = 0; s < group->subjects; ++s)
    Subject(*group, s).differentiate(discount[s], entropy[s]);
}

void optimize(const Group *group, const float *rate) {
  for (int64_t s = 0; s < group->subjects; ++s)
    Subject(*group, s).optimize(rate[s]);
}

}  // extern "C"
