#pragma once

#include <array>
#include <cstdint>

namespace mlff::md {

/// Random numbers that are the same with every compiler and standard library: xoshiro256++ seeded by splitmix64. The
/// four words are the complete state (nothing else is kept between calls): saving them saves the stream.
/// Source: Blackman & Vigna, ACM Trans. Math. Softw. 47, 36 (2021).
class Random {
 public:
    using State = std::array<std::uint64_t, 4>;

    explicit Random(std::uint64_t seed = 0);
    explicit Random(const State& state) : state_(state) {}

    [[nodiscard]] const State& state() const { return state_; }

    std::uint64_t next();  ///< 64 random bits
    double uniform();      ///< uniform in [0, 1), a multiple of 2⁻⁵³

    /// Normal deviate of mean 0 and variance 1: sqrt(−2 ln u) cos(2π v) of two uniform deviates (Box & Muller 1958).
    double normal();

    /// Gamma deviate of unit scale: density ∝ x^(shape−1) e^(−x), mean and variance both `shape`.
    /// 2 gamma(n/2) is distributed as the sum of n squared normal deviates.
    /// @throws std::invalid_argument if shape < 1
    /// Source: Marsaglia & Tsang, ACM Trans. Math. Softw. 26, 363 (2000).
    double gamma(double shape);

 private:
    State state_;
};

}  // namespace mlff::md
