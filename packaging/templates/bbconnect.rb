class Bbconnect < Formula
  desc "Connection manager for Bitbucket Cloud and Data Center"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "@DOWNLOADS@/bbconnect-v@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256:aarch64-apple-darwin@"
    end
    on_intel do
      url "@DOWNLOADS@/bbconnect-v@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256:x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "@DOWNLOADS@/bbconnect-v@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256:aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "@DOWNLOADS@/bbconnect-v@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256:x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "bbconnect"
    man1.install Dir["man1/*.1"]
    bash_completion.install "completions/bbconnect.bash" => "bbconnect"
    zsh_completion.install "completions/bbconnect.zsh" => "_bbconnect"
    fish_completion.install "completions/bbconnect.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/bbconnect --version")
    assert_match "git@ssh.bitbucket.org:acme/site.git",
                 shell_output("#{bin}/bbconnect url https://bitbucket.org/acme/site")
  end
end
