#include "reference/process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::content_of;
using mlff::testing::TemporaryDirectory;

ChildProcess::Options options(const TemporaryDirectory& folder, const std::string& command) {
    return {.command = command, .directory = folder.file(""), .log = "log", .threads = 3};
}

/// True if a process ends within some seconds. It may stay a zombie where nobody reaps orphans; it does not run.
bool comes_to_its_end(int id) {
    const std::string path = "/proc/" + std::to_string(id) + "/stat";
    const auto gone = [&] {
        const std::string state = content_of(path);
        return state.empty() || state.find(") Z ") != std::string::npos;
    };
    for (int k = 0; k < 1000 && !gone(); ++k) usleep(5000);
    return gone();
}

TEST(ChildProcess, RunsInItsFolderWithItsThreadsAndKeepsWhatItSays) {
    const TemporaryDirectory folder;
    ChildProcess child(
        options(folder, "echo out $OMP_NUM_THREADS; echo err >&2; pwd > here; OMP_NUM_THREADS=5 env | grep OMP_NUM"));
    ASSERT_TRUE(child.wait(10.0));
    EXPECT_EQ(content_of(folder.file("log")), "out 3\nerr\nOMP_NUM_THREADS=5\n");
    EXPECT_TRUE(std::filesystem::equivalent(
        content_of(folder.file("here")).substr(0, content_of(folder.file("here")).size() - 1), folder.file("")));
    EXPECT_TRUE(child.succeeded());
}

/// Of a parent that ignores SIGCHLD, as some daemons do, this is inherited: the system then forgets children at once.
TEST(ChildProcess, IsKnownToHaveEndedEvenIfTheSystemForgetsIt) {
    const TemporaryDirectory folder;
    auto* const before = std::signal(SIGCHLD, SIG_IGN);
    bool ended = false;
    std::string how;
    {
        ChildProcess child(options(folder, "trap '' CHLD; exit 3"));
        ended = child.wait(5.0);
        how = child.how_it_ended();
        EXPECT_FALSE(child.succeeded());
        EXPECT_FALSE(child.running());
    }
    std::signal(SIGCHLD, before);
    EXPECT_TRUE(ended) << "the dead counts as running";
    EXPECT_NE(how.find("SIGCHLD"), std::string::npos) << how;
}

/// A child that is gone before its guardian could join its group must not leave the guardian waiting for ever.
TEST(ChildProcess, EndsEvenIfItsGroupIsGoneAtOnce) {
    const TemporaryDirectory folder;
    auto* const before = std::signal(SIGCHLD, SIG_IGN);
    for (int k = 0; k < 50; ++k) {
        ChildProcess child(options(folder, "exit"));
        EXPECT_TRUE(child.wait(10.0));
    }
    std::signal(SIGCHLD, before);
}

/// What this program ignores for itself is not for the programs that it starts.
TEST(ChildProcess, HasItsSignals) {
    const TemporaryDirectory folder;
    const std::vector<int> numbers = {SIGPIPE, SIGXFSZ, SIGCHLD, SIGUSR1};
    std::vector<void (*)(int)> before;
    for (const int number : numbers) before.push_back(std::signal(number, SIG_IGN));
    ChildProcess child(options(folder, "exec grep SigIgn /proc/self/status"));
    for (std::size_t k = 0; k < numbers.size(); ++k) std::signal(numbers[k], before[k]);
    ASSERT_TRUE(child.wait(10.0));
    const std::string line = content_of(folder.file("log"));
    ASSERT_EQ(line.substr(0, 7), "SigIgn:") << line;
    const unsigned long ignored = std::stoul(line.substr(7), nullptr, 16);
    for (const int number : numbers) EXPECT_EQ(ignored >> (number - 1) & 1UL, 0UL) << strsignal(number);
}

TEST(ChildProcess, IsNoRankOfOurJob) {
    // Of `mpirun -np 1 env` (Open MPI 4.1), of srun with PMI-2, and what users set.
    const std::vector<std::string> of_the_rank = {"OMPI_COMM_WORLD_RANK",
                                                  "OMPI_UNIVERSE_SIZE",
                                                  "OMPI_COMMAND",
                                                  "OMPI_MCA_ess",
                                                  "OMPI_MCA_pmix",
                                                  "OMPI_MCA_ess_base_vpid",
                                                  "OMPI_MCA_orte_hnp_uri",
                                                  "OMPI_MCA_orte_local_daemon_uri",
                                                  "PMIX_RANK",
                                                  "PMIX_SERVER_URI41",
                                                  "PMIX_NAMESPACE",
                                                  "PMI_RANK",
                                                  "PMI_FD",
                                                  "OMPI_MCA_mpi_oversubscribe"};
    const std::vector<std::string> of_the_user = {"OMPI_MCA_mpi_yield_when_idle",
                                                  "OMPI_MCA_btl",
                                                  "OMPI_MCA_orte_tmpdir_base",
                                                  "OMPI_ALLOW_RUN_AS_ROOT",
                                                  "PMIX_MCA_gds",
                                                  "SLURM_JOB_ID",
                                                  "SLURM_PROCID"};
    std::vector<std::string> was_unset;
    for (const auto* names : {&of_the_rank, &of_the_user})
        for (const auto& name : *names)
            if (std::getenv(name.c_str()) == nullptr && setenv(name.c_str(), "x", 1) == 0) was_unset.push_back(name);
    const TemporaryDirectory folder;
    ChildProcess child(options(folder, "env"));
    ASSERT_TRUE(child.wait(10.0));
    const std::string seen = "\n" + content_of(folder.file("log"));
    for (const auto& name : of_the_rank) EXPECT_EQ(seen.find("\n" + name + "="), std::string::npos) << name;
    for (const auto& name : of_the_user) EXPECT_NE(seen.find("\n" + name + "="), std::string::npos) << name;
    for (const auto& name : was_unset) unsetenv(name.c_str());
}

TEST(ChildProcess, SaysHowItEnded) {
    const TemporaryDirectory folder;
    for (const auto& [command, how] : {std::pair{"exit 3", "with exit status 3"},
                                       {"kill -9 $$", "by signal 9 (Killed)"},
                                       {"no-such-command-of-ours", "exit status 127 (no such command"},
                                       {"sh -c 'kill -11 $$'; exit $?", "signal 11"}}) {
        ChildProcess child(options(folder, command));
        ASSERT_TRUE(child.wait(10.0)) << command;
        EXPECT_NE(child.how_it_ended().find(how), std::string::npos) << child.how_it_ended();
        EXPECT_FALSE(child.succeeded());
    }
}

TEST(ChildProcess, EndsWithAllThatItStarted) {
    const TemporaryDirectory folder;
    {
        ChildProcess child(options(folder, "trap '' TERM; sleep 1000 & echo $! > grandchild; wait; sleep 1000"));
        for (int k = 0; k < 1000 && content_of(folder.file("grandchild")).empty(); ++k) (void)child.wait(0.005);
        ASSERT_FALSE(content_of(folder.file("grandchild")).empty());
        EXPECT_TRUE(child.running());
        EXPECT_EQ(child.how_it_ended(), "not yet");
        child.end(0.2);
    }
    const int grandchild = std::stoi(content_of(folder.file("grandchild")));
    EXPECT_TRUE(comes_to_its_end(grandchild));
}

TEST(ChildProcess, EndsIfWeAreKilled) {
    const TemporaryDirectory folder;
    const pid_t we = fork();
    if (we == 0) {
        ChildProcess child(options(folder, "sleep 1000 & echo $! > grandchild; wait"));
        (void)child.wait(1000.0);
        _exit(0);
    }
    const auto told = [&] { return content_of(folder.file("grandchild")).find('\n') != std::string::npos; };
    for (int k = 0; k < 2000 && !told(); ++k) usleep(5000);
    ASSERT_TRUE(told());
    kill(we, SIGKILL);
    waitpid(we, nullptr, 0);
    EXPECT_TRUE(comes_to_its_end(std::stoi(content_of(folder.file("grandchild")))));
}

TEST(ChildProcess, HasAGroupOfItsOwn) {
    const TemporaryDirectory folder;
    ChildProcess child(options(folder, "sleep 1000"));
    EXPECT_EQ(getpgid(child.id()), child.id());
    EXPECT_NE(getpgid(0), child.id());
    struct Stop {};
    EXPECT_THROW((void)child.wait(10.0, [] { throw Stop{}; }), Stop);
    EXPECT_FALSE(child.wait(0.05));
}

TEST(LastLines, LeavesOutDecoration) {
    EXPECT_EQ(last_lines("one\n*** two ***\n\n-----\n  three \n", 2), "*** two *** / three");
    EXPECT_EQ(last_lines("", 2), "");
}

}  // namespace
}  // namespace mlff::reference
