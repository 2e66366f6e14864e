#include "libmlff/io/vasprun.hpp"

#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <unordered_map>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_output.hpp"

namespace mlff {
namespace {

/// Elements whose text is read.
enum class Field {
    none,
    atom,
    potential,
    electronic_limit,
    ion_motion,
    timestep,
    loop_free_energy,
    loop_energy,
    basis,
    position,
    force,
    pressure,
    free_energy
};

/// An element by its way from the root; an element with attribute `name` counts as tag:name.
Field field_at(const std::string& way) {
    static const std::unordered_map<std::string, Field> fields = {
        {"/modeling/atominfo/array:atoms/set/rc/c", Field::atom},
        {"/modeling/atominfo/array:atomtypes/set/rc/c", Field::potential},
        {"/modeling/parameters/separator:electronic/separator:electronic convergence/i:NELM", Field::electronic_limit},
        {"/modeling/incar/i:IBRION", Field::ion_motion},
        {"/modeling/parameters/separator:ionic/i:IBRION", Field::ion_motion},
        {"/modeling/incar/i:POTIM", Field::timestep},
        {"/modeling/parameters/separator:ionic/i:POTIM", Field::timestep},
        {"/modeling/calculation/scstep/energy/i:e_fr_energy", Field::loop_free_energy},
        {"/modeling/calculation/scstep/energy/i:e_wo_entrp", Field::loop_energy},
        {"/modeling/calculation/structure/crystal/varray:basis/v", Field::basis},
        {"/modeling/calculation/structure/varray:positions/v", Field::position},
        {"/modeling/calculation/varray:forces/v", Field::force},
        {"/modeling/calculation/varray:stress/v", Field::pressure},
        {"/modeling/calculation/energy/i:e_fr_energy", Field::free_energy},
    };
    const auto found = fields.find(way);
    return found == fields.end() ? Field::none : found->second;
}

/// An ionic step while it is read.
struct Step {
    std::string origin;
    long electronic_steps = 0;
    bool overflowed = false;
    std::vector<Vector3> basis, positions, forces, pressure;
    std::optional<double> free_energy, loop_free_energy, loop_energy;
};

/// Expat calls back; what a callback throws waits until Expat has returned, since it is written in C.
class VasprunReader {
 public:
    explicit VasprunReader(const std::string& path) : lines_(path), parser_(XML_ParserCreate(nullptr)) {
        if (parser_ == nullptr) throw std::bad_alloc();
        XML_SetUserData(parser_, this);
        XML_SetElementHandler(
            parser_,
            [](void* self, const XML_Char* tag, const XML_Char** attributes) {
                static_cast<VasprunReader*>(self)->guarded([&](VasprunReader& r) { r.open(tag, attributes); });
            },
            [](void* self, const XML_Char*) {
                static_cast<VasprunReader*>(self)->guarded([](VasprunReader& r) { r.close(); });
            });
        XML_SetCharacterDataHandler(parser_, [](void* self, const XML_Char* text, int length) {
            static_cast<VasprunReader*>(self)->guarded([&](VasprunReader& r) {
                if (r.field_ != Field::none) r.text_.append(text, static_cast<std::size_t>(length));
            });
        });
    }
    VasprunReader(const VasprunReader&) = delete;
    VasprunReader& operator=(const VasprunReader&) = delete;
    ~VasprunReader() { XML_ParserFree(parser_); }

    DataFile read() {
        std::string line;
        while (lines_.next(line)) {
            line += '\n';
            feed(line, false);
        }
        feed({}, true);
        if (moves_in_time_ && timestep_ && *timestep_ > 0.0) file_.timestep = timestep_;
        omitted_.report(lines_.path(), file_);
        return std::move(file_);
    }

 private:
    void feed(const std::string& text, bool end) {
        if (XML_Parse(parser_, text.data(), static_cast<int>(text.size()), end) != XML_STATUS_ERROR) return;
        if (error_) std::rethrow_exception(error_);
        // An error that only the end of the file brings to light is a job that was killed.
        if (end)
            omitted_.cut_off = true;
        else
            lines_.fail(fmt::format("not the XML of VASP ({}); an undamaged vasprun.xml is needed",
                                    XML_ErrorString(XML_GetErrorCode(parser_))));
    }

    template <class Action>
    void guarded(const Action& action) noexcept {
        if (error_) return;
        try {
            action(*this);
        } catch (...) {
            error_ = std::current_exception();
            XML_StopParser(parser_, XML_FALSE);
        }
    }

    void open(const char* tag, const char** attributes) {
        lengths_.push_back(way_.size());
        way_ += '/';
        way_ += tag;
        for (; *attributes != nullptr; attributes += 2)
            if (std::string_view(attributes[0]) == "name") {
                way_ += ':';
                way_ += attributes[1];
            }
        field_ = field_at(way_);
        text_.clear();
        if (way_ == "/modeling/calculation") {
            step_ = {};
            step_.origin = lines_.place();
        } else if (way_ == "/modeling/calculation/scstep") {
            ++step_.electronic_steps;
        }
    }

    void close() {
        if (field_ != Field::none) take_text();
        field_ = Field::none;
        if (way_ == "/modeling/calculation")
            finish_step();
        else if (way_ == "/modeling/structure")  // not :initialpos or :finalpos
            ++omitted_.machine_learned;
        way_.resize(lengths_.back());
        lengths_.pop_back();
    }

    void take_text() {
        switch (field_) {
            case Field::none:
                break;
            case Field::atom:
                atom_cells_.push_back(text_);
                break;
            case Field::potential:
                type_cells_.push_back(text_);
                break;
            case Field::electronic_limit: {
                const auto words = split_words(text_);
                electronic_limit_ = words.size() == 1 ? parse_long(words[0]) : std::nullopt;
                if (!electronic_limit_) lines_.fail("NELM must be a whole number, got " + show(text_));
                break;
            }
            case Field::ion_motion: {
                const auto words = split_words(text_);
                moves_in_time_ = words.size() == 1 && parse_long(words[0]) == 0;  // else POTIM scales a search
                break;
            }
            case Field::timestep:
                timestep_ = number();
                break;
            case Field::loop_free_energy:
                step_.loop_free_energy = number();
                break;
            case Field::loop_energy:
                step_.loop_energy = number();
                break;
            case Field::free_energy: {
                step_.free_energy = number();
                if (!step_.free_energy) step_.overflowed = true;
                break;
            }
            case Field::basis:
                take_vector(step_.basis);
                break;
            case Field::position:
                take_vector(step_.positions);
                break;
            case Field::force:
                take_vector(step_.forces);
                break;
            case Field::pressure:
                take_vector(step_.pressure);
                break;
        }
    }

    /// The text as a number; none if it overflowed.
    std::optional<double> number() {
        split_columns(text_, words_);
        if (words_.size() == 1 && is_overflow(words_[0])) return std::nullopt;
        const auto value = words_.size() == 1 ? parse_double(words_[0]) : std::nullopt;
        if (!value) lines_.fail("a number is needed here, got " + show(text_));
        return value;
    }

    void take_vector(std::vector<Vector3>& vectors) {
        split_columns(text_, words_);
        Vector3 vector = Vector3::Zero();
        if (std::any_of(words_.begin(), words_.end(), is_overflow)) {
            step_.overflowed = true;
        } else {
            for (std::size_t k = 0; k < 3; ++k) {
                const auto value = words_.size() == 3 ? parse_double(words_[k]) : std::nullopt;
                if (!value) lines_.fail("three numbers are needed here, got " + show(text_));
                vector[static_cast<Eigen::Index>(k)] = *value;
            }
        }
        vectors.push_back(vector);
    }

    /// Species of the atoms, from rows (element, type) of the atoms and rows (count, element, mass, valence, potential)
    /// of the types; the potential is more trustworthy than the element.
    void read_species() {
        constexpr std::size_t atom_width = 2, type_width = 5;
        for (std::size_t row = 0; row + atom_width <= atom_cells_.size(); row += atom_width) {
            const auto element = split_words(atom_cells_[row]), type = split_words(atom_cells_[row + 1]);
            const auto index = type.size() == 1 ? parse_long(type[0]) : std::nullopt;
            std::optional<int> z;
            if (index && *index >= 1 && static_cast<std::size_t>(*index) * type_width <= type_cells_.size())
                z = potential_species(type_cells_[static_cast<std::size_t>(*index) * type_width - 1]);
            if (!z && element.size() == 1) z = vasp_species(element[0]);
            if (!z)
                lines_.fail(fmt::format("atom {} has the unknown element {}; atominfo must name a chemical symbol",
                                        row / atom_width + 1, show(atom_cells_[row])));
            species_.push_back(*z);
        }
        if (species_.empty()) lines_.fail("atominfo with the elements of the atoms is missing before the first step");
    }

    void finish_step() {
        if (step_.electronic_steps == 0) {
            ++omitted_.machine_learned;
        } else if (electronic_limit_ && step_.electronic_steps >= *electronic_limit_) {
            ++omitted_.unconverged;
        } else if (step_.overflowed) {
            ++omitted_.overflowed;
        } else {
            add_step();
        }
    }

    void add_step() {
        if (species_.empty()) read_species();
        const auto demand = [&](const std::vector<Vector3>& rows, std::size_t n, const char* what) {
            if (rows.size() != n)
                lines_.fail(fmt::format("the step that ends here has {} {} where {} are needed", rows.size(), what, n));
        };
        demand(step_.basis, 3, "lattice vectors");
        demand(step_.positions, species_.size(), "positions");
        if (!step_.free_energy) lines_.fail("the step that ends here has no e_fr_energy; a complete step is needed");
        if (!step_.forces.empty()) demand(step_.forces, species_.size(), "forces");
        if (!step_.pressure.empty()) demand(step_.pressure, 3, "rows of stress");

        LabeledStructure item;
        item.origin = step_.origin;
        item.structure.periodic = {true, true, true};
        item.structure.species = species_;
        item.structure.cell = columns(step_.basis);
        item.structure.positions = item.structure.cell * columns(step_.positions);
        item.labels.energy = step_.free_energy;
        if (!step_.forces.empty()) item.labels.forces = columns(step_.forces);
        if (!step_.pressure.empty()) item.labels.stress = stress_of_pressure(columns(step_.pressure));
        try {
            item.structure.validate();
        } catch (const InputError& error) {
            throw InputError(item.origin + ": " + error.what());
        }
        if (step_.loop_free_energy && step_.loop_energy) {
            const double entropy =
                std::abs(*step_.loop_free_energy - *step_.loop_energy) / static_cast<double>(species_.size());
            file_.electronic_entropy = std::max(file_.electronic_entropy.value_or(0.0), entropy);
        }
        file_.structures.push_back(std::move(item));
    }

    static Matrix3X columns(const std::vector<Vector3>& vectors) {
        Matrix3X matrix(3, static_cast<Eigen::Index>(vectors.size()));
        for (std::size_t i = 0; i < vectors.size(); ++i) matrix.col(static_cast<Eigen::Index>(i)) = vectors[i];
        return matrix;
    }

    LineReader lines_;
    XML_Parser parser_;
    std::exception_ptr error_;

    std::string way_, text_;
    std::vector<std::size_t> lengths_;  ///< of way_ before each open element
    Field field_ = Field::none;
    std::vector<std::string_view> words_;

    std::vector<std::string> atom_cells_, type_cells_;
    std::vector<int> species_;
    std::optional<long> electronic_limit_;
    bool moves_in_time_ = false;  ///< IBRION = 0
    std::optional<double> timestep_;
    Step step_;
    OmittedSteps omitted_;
    DataFile file_;
};

}  // namespace

DataFile read_vasprun(const std::string& path) { return VasprunReader(path).read(); }

}  // namespace mlff
