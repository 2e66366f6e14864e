#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reference/client_pool.hpp"
#include "reference/external_code.hpp"
#include "reference/input_files.hpp"

namespace mlff::reference {

struct SocketOptions {
    std::string address;         ///< as Listener; "" is a unix socket with a unique name (then a command is required)
    std::string command;         ///< starts the client in `folder`; "" waits for a client started elsewhere
    InputFiles inputs;           ///< files of the client
    std::string folder;          ///< working folder of the client; made if there is none
    std::string description;     ///< one line: the code and what it computes
    double time_limit = 7200.0;  ///< of one call [s]
    std::optional<double> start_limit;  ///< until a client connects [s]; default 300, and no limit without a command
    int threads = 1;                    ///< OMP_NUM_THREADS of the client
    bool fixed_cell = false;  ///< the client is right only in the cell of its input: for another cell it is restarted
    double patience = 5.0;    ///< time to end by itself, and again after SIGTERM, before the client is killed [s]

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// A code called over a socket with the protocol of i-PI: we listen, the client connects and computes.
///
///     we: STATUS                                     client: READY, NEEDINIT or HAVEDATA (12 bytes, padded)
///     we: INIT, replica, n_bytes, bytes              only after NEEDINIT
///     we: POSDATA, H, H⁻¹, n_atoms, positions        bohr, native doubles; H by rows, lattice vectors in columns
///     we: STATUS                                     client, when it has computed: HAVEDATA
///     we: GETFORCE                                   client: FORCEREADY, energy, n_atoms, forces, virial, n_bytes,
///     bytes we: EXIT
///
/// in atomic units; virial = −dE/dε. The structure is sent in the orientation that all clients accept, H upper
/// triangular with a positive diagonal, and the answer is rotated back; input files are filled in with this
/// orientation.
///
/// Measured peculiarities: pw.x 6.7 takes INIT only with one byte, and keeps the plane waves of its first cell, so that
/// its energy and stress are inconsistent in another (fixed_cell); pw.x and ASE need INIT at each step; LAMMPS sends
/// the upper triangle of the virial only; CP2K sends zeros for the virial without STRESS_TENSOR ANALYTICAL. The
/// protocol does not carry species: where the client reads them from our input file, {{coordinates}} gives it the right
/// species in the right order.
///
/// A client that died between calls is replaced silently; one that dies during a call is a CallFailure. A client that
/// was started elsewhere returns to the client pool between calls (client_pool.hpp). Words for input files and command,
/// besides structure_values: socket (NAME or HOST), port, unix (T or F), input, output (a file whose text output()
/// includes).
/// Source: M. Ceriotti et al., Comput. Phys. Commun. 185, 1019 (2014); V. Kapil et al., ibid. 236, 214 (2019); clients.
class SocketCode final : public ExternalCode {
 public:
    /// Listens at once, so that an address in use is reported before anything is computed.
    /// @param pool  client pool, shared with other SocketCodes that make calls at the same time; without it this one
    ///               listens on `address` itself
    /// @throws InputError for a bad address
    SocketCode(SocketOptions options, Poll poll, std::shared_ptr<ClientPool> pool = nullptr);
    ~SocketCode() override;

    [[nodiscard]] Evaluation call(const Structure& structure, const Attempt& attempt) override;
    [[nodiscard]] std::string output() const override;
    [[nodiscard]] std::size_t n_rungs() const override { return options_.inputs.n_rungs(); }
    void quarantine(const std::string& folder) override;
    /// @throws InputError if there is no cell with a volume
    void check(const Structure& structure) const override;
    [[nodiscard]] std::string description() const override { return options_.description; }

    [[nodiscard]] const Listener& listener() const { return pool_->listener(); }

 private:
    void connect(const Structure& structure, std::size_t rung);
    void start_client(const Structure& structure, std::size_t rung);
    [[nodiscard]] bool says_hello(Clock::time_point deadline);
    /// @param listening  the client waits for a message and can be sent EXIT; else it is in the middle of a call
    void end_client(bool listening) noexcept;
    /// Ends the client if it cannot take this call; `connect` must follow.
    void dismiss_unfit(const Structure& structure, const Attempt& attempt);
    [[nodiscard]] Evaluation exchange(const Structure& structure);
    void watch() const;
    [[nodiscard]] std::string file(const std::string& name) const;

    SocketOptions options_;
    Poll poll_;
    std::shared_ptr<ClientPool> pool_;
    std::unique_ptr<ChildProcess> client_;
    std::unique_ptr<Connection> connection_;
    std::size_t rung_ = 0;
    std::optional<Matrix3> cell_;                    ///< cell that the client began with
    std::int64_t log_begin_ = 0, output_begin_ = 0;  ///< bytes before the call in progress
};

}  // namespace mlff::reference
