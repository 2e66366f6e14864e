#include "reference/socket.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/text_file.hpp"
#include "reference/atomic_units.hpp"
#include "reference/ipi_messages.hpp"

namespace mlff::reference {
namespace {

constexpr double default_start_limit = 300.0;  // [s]; mpirun and queues are slow
constexpr double hello_limit = 60.0;           // [s] for the first answer of a connected client
constexpr double same_cell = 1e-9;             // [Å]
constexpr std::int32_t most_extra_bytes = 1 << 28;
constexpr const char* log_name = "client.log";
constexpr const char* output_name = "client.out";

Clock::time_point after(double seconds) {
    constexpr double long_time = 1e9;
    return Clock::now() +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds, long_time)));
}

/// The same name in each session of a run: the next session replaces the file of a killed one.
std::string own_address(const std::string& folder) {
    return fmt::format("unix:mlff-{:016x}", checksum(std::filesystem::absolute(folder).lexically_normal().string()));
}

void say_goodbye(Connection& connection) noexcept {
    try {
        connection.send(header("EXIT"), after(1.0), {});
    } catch (...) {  // NOLINT(bugprone-empty-catch): it is gone already
    }
}

/// A structure in the orientation that is sent.
struct Oriented {
    Structure structure;  ///< H upper triangular, its diagonal positive
    Matrix3 turn;         ///< r = turn · r_sent
};

/// H = Q R; the structure is rotated by Qᵀ before it is sent (with a reflection for a left-handed cell): its cell is R.
Oriented oriented(const Structure& structure) {
    Oriented sent{structure, Matrix3::Identity()};
    if (structure.cell.isUpperTriangular(0.0) && (structure.cell.diagonal().array() > 0.0).all()) return sent;
    const Eigen::HouseholderQR<Matrix3> qr(structure.cell);
    const Matrix3 upper = qr.matrixQR().triangularView<Eigen::Upper>();
    const Vector3 signs = upper.diagonal().array().sign();
    sent.turn = Matrix3(qr.householderQ()) * signs.asDiagonal();
    sent.structure.cell = signs.asDiagonal() * upper;
    sent.structure.positions = sent.turn.transpose() * structure.positions;
    return sent;
}

/// The virial made symmetric: a client may send one triangle only.
Matrix3 symmetric(const Matrix3& sent) {
    const Matrix3 upper = sent.triangularView<Eigen::StrictlyUpper>(),
                  lower = sent.triangularView<Eigen::StrictlyLower>();
    const Matrix3 diagonal = sent.diagonal().asDiagonal();
    if (lower.isZero(0.0)) return diagonal + upper + upper.transpose();
    if (upper.isZero(0.0)) return diagonal + lower + lower.transpose();
    return 0.5 * (sent + sent.transpose());
}

/// Messages of the protocol over one connection, until one deadline.
class Dialogue {
 public:
    Dialogue(Connection& connection, Clock::time_point deadline, const Poll& poll)
        : connection_(connection), deadline_(deadline), poll_(poll) {}

    void send(std::string_view bytes) const { connection_.send(bytes, deadline_, poll_); }
    template <class T>
    [[nodiscard]] T receive() const {
        T value{};
        connection_.receive(&value, sizeof value, deadline_, poll_);
        return value;
    }
    void receive(Eigen::Ref<Eigen::Matrix3Xd> values) const {
        connection_.receive(values.data(), static_cast<std::size_t>(values.size()) * sizeof(double), deadline_, poll_);
    }
    [[nodiscard]] std::string receive_bytes(std::size_t size) const {
        std::string bytes(size, '\0');
        connection_.receive(bytes.data(), size, deadline_, poll_);
        return bytes;
    }
    [[nodiscard]] std::string ask(std::string_view question) const {
        send(header(question));
        return word_of(receive_bytes(header_size));
    }
    [[noreturn]] static void refuse(std::string_view question, std::string_view wanted, std::string_view answer) {
        throw CallFailure(
            fmt::format("the client does not speak the protocol of i-PI: {} expected after {}, but it said {}", wanted,
                        question, show(answer)));
    }

 private:
    Connection& connection_;
    Clock::time_point deadline_;
    const Poll& poll_;
};

}  // namespace

void SocketOptions::validate() const {
    if (!(time_limit > 0.0))
        throw std::invalid_argument(fmt::format("time_limit must be positive, got {}", time_limit));
    if (start_limit && !(*start_limit > 0.0))
        throw std::invalid_argument(fmt::format("start_limit must be positive, got {}", *start_limit));
    if (threads < 1) throw std::invalid_argument(fmt::format("threads must be at least 1, got {}", threads));
    if (command.empty() && address.empty())
        throw std::invalid_argument("an address is needed where no command starts the client, e.g. unix:agi");
    if (command.empty() && !inputs.empty())
        throw std::invalid_argument("input is of no use without a command that starts the client with it");
}

SocketCode::SocketCode(SocketOptions options, Poll poll, std::shared_ptr<ClientPool> pool)
    : options_((options.validate(), std::move(options))), poll_(std::move(poll)), pool_(std::move(pool)) {
    if (!pool_)
        pool_ =
            std::make_shared<ClientPool>(options_.address.empty() ? own_address(options_.folder) : options_.address);
}

SocketCode::~SocketCode() {
    end_client(true);
    for (const auto& connection : pool_->empty()) say_goodbye(*connection);
}

std::string SocketCode::file(const std::string& name) const {
    return (std::filesystem::path(options_.folder) / name).string();
}

void SocketCode::check(const Structure& structure) const {
    if (!structure.has_volume())
        throw InputError("a reference over a socket needs three lattice vectors; give a molecule a large box");
}

std::string SocketCode::output() const {
    return text_from(file(log_name), log_begin_) + text_from(file(output_name), output_begin_);
}

void SocketCode::quarantine(const std::string& folder) {
    const std::string main = options_.inputs.main(rung_);
    std::error_code ignored;
    if (!main.empty()) std::filesystem::copy_file(file(main), std::filesystem::path(folder) / main, ignored);
}

void SocketCode::watch() const {
    if (poll_) poll_();
    // A command that ended well may have started the client elsewhere, as queue commands do.
    if (client_ && !client_->running() && !client_->succeeded())
        throw CallFailure(fmt::format("the client ended {}", client_->how_it_ended()));
}

void SocketCode::end_client(bool listening) noexcept {
    if (connection_) {
        say_goodbye(*connection_);
        connection_.reset();
        if (client_ && listening) client_->wait(options_.patience);
    }
    if (client_) client_->end(options_.patience);
    client_.reset();
}

void SocketCode::start_client(const Structure& structure, std::size_t rung) {
    auto values = structure_values(structure);
    values["socket"] = listener().name();
    values["port"] = std::to_string(listener().port());
    values["unix"] = listener().is_unix() ? "T" : "F";
    values["input"] = options_.inputs.main(rung);
    values["output"] = output_name;
    options_.inputs.write(options_.folder, rung, values);
    pool_->turn_away();  // connections of earlier clients
    client_ =
        std::make_unique<ChildProcess>(ChildProcess::Options{.command = fill_in(options_.command, values, "command"),
                                                             .directory = options_.folder,
                                                             .log = log_name,
                                                             .threads = options_.threads});
    rung_ = rung;
    cell_ = structure.cell;
}

bool SocketCode::says_hello(Clock::time_point deadline) {
    try {
        const std::string state = Dialogue(*connection_, deadline, [this] { watch(); }).ask("STATUS");
        if (state != "READY" && state != "NEEDINIT") Dialogue::refuse("STATUS", "READY or NEEDINIT", state);
        return true;
    } catch (const CallFailure&) {
        connection_.reset();
        if (client_) throw;
        return false;  // the next client may answer
    }
}

void SocketCode::connect(const Structure& structure, std::size_t rung) {
    if (!options_.command.empty()) start_client(structure, rung);
    const auto deadline = options_.start_limit       ? after(*options_.start_limit)
                          : options_.command.empty() ? Clock::time_point::max()
                                                     : after(default_start_limit);
    do {
        connection_ = pool_->take(deadline, [this] { watch(); });
        if (!connection_)
            throw CallFailure(fmt::format("no client connected to {} within the time for it", listener().address()));
    } while (!says_hello(std::min(deadline, after(hello_limit))));
    if (!cell_) cell_ = structure.cell;
}

void SocketCode::dismiss_unfit(const Structure& structure, const Attempt& attempt) {
    const bool ours = !options_.command.empty();
    const bool other_cell = options_.fixed_cell && cell_ && (structure.cell - *cell_).cwiseAbs().maxCoeff() > same_cell;
    if (other_cell && !ours)
        throw InputError(
            "the client can compute one cell only, and began with another; let a command start it, so that it can be "
            "started again, or set reference.stress_check: off if the cell is not to change");
    if (ours && (attempt.afresh || attempt.rung != rung_ || other_cell)) end_client(true);
    if (connection_ && connection_->disturbed()) end_client(false);
}

Evaluation SocketCode::call(const Structure& structure, const Attempt& attempt) {
    std::filesystem::create_directories(options_.folder);
    log_begin_ = size_of(file(log_name));
    output_begin_ = size_of(file(output_name));
    const Oriented sent = oriented(structure);
    dismiss_unfit(sent.structure, attempt);
    try {
        if (!connection_) connect(sent.structure, attempt.rung);
        Evaluation answer = exchange(sent.structure);
        if (options_.command.empty()) pool_->give_back(std::move(connection_));
        answer.forces = sent.turn * answer.forces;
        answer.stress = to_voigt(sent.turn * from_voigt(*answer.stress) * sent.turn.transpose());
        return answer;
    } catch (const CallFailure& failure) {
        if (client_) client_->wait(0.5);  // for its exit status
        const std::string ending = client_ && !client_->running() ? "; it ended " + client_->how_it_ended() : "";
        end_client(false);
        const std::string last = last_lines(output());
        throw CallFailure(failure.what() +
                          (std::string(failure.what()).find("ended") == std::string::npos ? ending : "") +
                          (last.empty() ? "" : "; its last words: " + last));
    } catch (...) {
        end_client(false);  // an interrupted exchange cannot be resumed
        throw;
    }
}

Evaluation SocketCode::exchange(const Structure& structure) {
    const Poll watching = [this] { watch(); };
    const Dialogue client(*connection_, after(options_.time_limit), watching);
    std::string state = client.ask("STATUS");
    if (state == "NEEDINIT") {
        std::string init = header("INIT");
        append(init, std::int32_t{0});
        append(init, std::int32_t{1});
        init += ' ';  // pw.x reads one byte, whatever n_bytes is
        client.send(init);
        state = client.ask("STATUS");
    }
    if (state != "READY") Dialogue::refuse("STATUS", "READY", state);

    const Eigen::Index n_atoms = structure.size();
    const Matrix3X positions = structure.positions / bohr;
    const Matrix3 box = structure.cell / bohr;
    std::string message = header("POSDATA");
    append_matrix(message, box);
    append_matrix(message, box.inverse());
    append(message, static_cast<std::int32_t>(n_atoms));
    message.append(reinterpret_cast<const char*>(positions.data()),
                   static_cast<std::size_t>(positions.size()) * sizeof(double));
    client.send(message);

    state = client.ask("STATUS");
    if (state != "HAVEDATA") Dialogue::refuse("POSDATA and STATUS", "HAVEDATA", state);
    state = client.ask("GETFORCE");
    if (state != "FORCEREADY") Dialogue::refuse("GETFORCE", "FORCEREADY", state);
    Evaluation result;
    result.energy = client.receive<double>() * hartree;
    const auto n_answered = client.receive<std::int32_t>();
    if (n_answered != n_atoms)
        throw InputError(
            fmt::format("the client answered for {} atoms, but the structure has {}: its input is for another "
                        "structure",
                        n_answered, n_atoms));
    Matrix3X forces(3, n_atoms);
    client.receive(forces);
    Matrix3X virial(3, 3);
    client.receive(virial);
    const auto n_extra = client.receive<std::int32_t>();
    if (n_extra < 0 || n_extra > most_extra_bytes)
        throw CallFailure(fmt::format("the client announces {} bytes of further data", n_extra));
    (void)client.receive_bytes(static_cast<std::size_t>(n_extra));

    result.forces = forces * (hartree / bohr);
    result.stress = to_voigt(symmetric(virial) * (-hartree / structure.volume()));
    return result;
}

}  // namespace mlff::reference
