#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "libmlff/model/calculator.hpp"
#include "libmlff/model/force_field.hpp"

/// How well error estimates agree with errors, on labelled data that the force field has not seen.
namespace mlff {

/// An estimated standard deviation σ (Uncertainty) and the signed error e of the same number.
struct ErrorPair {
    double deviation = 0.0, error = 0.0;
};

/// The share of a run of labels of like σ: root mean squares of σ and of e.
struct ReliabilityBin {
    long n_labels = 0;
    double estimate = 0.0, error = 0.0;
};

/// Share of the labels with |e| < z_p f σ, where z_p holds the share p of a normal distribution.
struct CoveragePoint {
    double nominal = 0.0;  ///< p
    double observed = 0.0;
};

/// Agreement of s = sqrt(f²σ² + floor²) with e for one factor f, as if e ~ N(0, s²).
struct FactorCheck {
    double factor = 1.0;                  ///< f
    double floor = 0.0;                   ///< in the unit of the label
    double area = 0.0;                    ///< miscalibration ∫|observed − p| dp: 0 perfect, 1/2 worst
    std::vector<CoveragePoint> coverage;  ///< p = 0, 0.05, …, 1
};

/// One kind of label [eV/atom], [eV/Å], [eV/Å³].
struct QuantityCalibration {
    long n_labels = 0;
    double scale = 1.0;              ///< f that fits these data
    double floor = 0.0;              ///< rms error of the labels whose σ vanishes by symmetry, or 2 % of that of all
    FactorCheck raw, model, scaled;  ///< f = 1, that of the model, that of these data
    std::vector<ReliabilityBin> reliability;  ///< ten of about equal counts, fewer below 100 labels; ascending σ
};

struct CalibrationReport {
    long n_structures = 0, n_atoms = 0;
    QuantityCalibration energy, force, stress;
    std::map<int, QuantityCalibration> force_by_species;  ///< by atomic number

    /// Spearman correlation of BEEF and |ΔF| over atoms: does the estimate find the bad atoms? Over all of them, and
    /// within structures (mean, weighted with their atoms): the first also tells bad structures from good ones. Errors
    /// scatter, so that even perfect estimates stay below 1.
    double rank_correlation = 0.0, rank_correlation_within = 0.0;

    /// What fits these data: forces of each species have a factor of their own where there are `fewest_of_species`.
    /// The robust covariance estimates all kinds of label alike, so that one factor, that of the forces, serves
    /// energies and stress, which are few: of LGPS trained cool and tested hot 81 and 98 % of the energies and 71 and
    /// 95 % of the stress lie within one and two deviations.
    /// @param robust  estimates by the robust covariance
    [[nodiscard]] Calibration calibration(bool robust = false) const;
    static constexpr long fewest_of_species = 100;
};

/// f = median(|e|/σ) / 0.6745: half of the errors lie within the middle half of N(0, f²σ²), so that f σ reads as a
/// standard deviation. 1 if the pairs cannot tell.
///
/// Errors have heavier tails than a normal distribution, and estimates of symmetric atoms vanish, so that means follow
/// a few labels. Eight draws of 100 structures from one population of distorted silicon (tests/support/silicon.hpp)
/// gave sqrt(Σ e²/Σ σ²) between 4.6 and 15.6, rising with the largest error, and areas up to 0.32; medians gave 4.0 to
/// 4.3, areas below 0.01. The maximum of likelihood, sqrt(mean(e²/σ²)), belongs to the smallest σ: 97 for forces and
/// 10¹² for stress on the Si set of Zuo et al., J. Phys. Chem. A 124, 731 (2020), medians 17 and 23. What a median does
/// not see are the tails: look at the upper end of the coverage and the last bins.
[[nodiscard]] double calibration_scale(const std::vector<ErrorPair>& pairs);

/// ∫₀¹ |observed(p) − p| dp of s = sqrt(f²σ² + floor²), exactly. observed(p) is the distribution of erf(|e|/(s √2))
/// over the labels, which is uniform for e ~ N(0, s²). 0 without labels.
[[nodiscard]] double miscalibration_area(const std::vector<ErrorPair>& pairs, double factor, double floor = 0.0);

/// Spearman's rank correlation; equal values share their mean rank. 0 if one side is constant.
/// @throws std::invalid_argument if the lengths differ
[[nodiscard]] double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

/// Gathers estimates and errors structure by structure; all of them, up to `capacity` atoms, structures and stress
/// components each, beyond that an even share chosen by a hash of the running number, the same at every run.
///
/// Labels whose σ and e are both below 1e-4 of their rms are left out: they vanish by symmetry, and only rounding is
/// left of them. Where σ alone is that small, symmetry makes the prediction vanish and the label has noise: such labels
/// say nothing about the factor; their rms error is the floor, which is at least 2 % of the rms error of the others.
class CalibrationData {
 public:
    explicit CalibrationData(std::size_t capacity = 100'000);

    /// @param prediction  evaluated with Request::uncertainty
    /// @throws std::invalid_argument if it has none
    void add(const LabeledStructure& truth, const Evaluation& prediction);

    /// @param model  factors to check beside those that fit the data
    [[nodiscard]] CalibrationReport report(const Calibration& model = {}) const;

 private:
    /// All items up to a capacity, then an even share of them.
    template <class T>
    class Sample {
     public:
        void add(const T& item, std::size_t capacity);
        [[nodiscard]] const std::vector<std::pair<std::uint64_t, T>>& items() const { return items_; }
        [[nodiscard]] long count() const { return static_cast<long>(count_); }  ///< of all that were added

     private:
        std::vector<std::pair<std::uint64_t, T>> items_;  ///< with their hashes
        std::uint64_t count_ = 0, limit_ = ~std::uint64_t{0};
    };
    struct Atom {
        long structure = 0;
        int species = 0;
        Vector3 deviation, error;
    };

    std::size_t capacity_;
    long n_structures_ = 0, n_atoms_ = 0;
    Sample<ErrorPair> energies_, stresses_;
    Sample<Atom> atoms_;
    std::map<int, long> n_forces_;  ///< components by atomic number
};

}  // namespace mlff
