#pragma once

#include <string>
#include <vector>

#include "libmlff/model/calculator.hpp"

namespace mlff::reference {

/// Answers from labelled structures: earlier results are replayed. A structure is known if it has the elements, cell
/// and positions of one of the data, atom by atom, to within `tolerance` [Å]; positions may differ by lattice vectors.
/// Every other structure is refused; the message gives the distance to the nearest one.
class StoredData final : public Calculator {
 public:
    /// @param description  one line, such as the names of the files
    /// @throws InputError if a structure has no energy or forces
    StoredData(std::vector<LabeledStructure> data, std::string description, double tolerance = 1e-5);

    /// @throws InputError if the structure is not among the data; the message names the nearest one
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    /// @throws InputError if no structure of the data has these atoms
    void check(const Structure& structure) const override;
    [[nodiscard]] std::string description() const override { return description_; }

 private:
    std::vector<LabeledStructure> data_;
    std::string description_;
    double tolerance_;
    std::size_t next_ = 0;  ///< index after the last answer: replays ask in order
};

}  // namespace mlff::reference
