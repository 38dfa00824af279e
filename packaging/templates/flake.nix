{
  description = "Command-line connection manager for Bitbucket Cloud and Data Center";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      version = "@VERSION@";
      archives = {
        x86_64-linux = {
          target = "x86_64-unknown-linux-musl";
          sha256 = "@SHA256:x86_64-unknown-linux-musl@";
        };
        aarch64-linux = {
          target = "aarch64-unknown-linux-musl";
          sha256 = "@SHA256:aarch64-unknown-linux-musl@";
        };
        x86_64-darwin = {
          target = "x86_64-apple-darwin";
          sha256 = "@SHA256:x86_64-apple-darwin@";
        };
        aarch64-darwin = {
          target = "aarch64-apple-darwin";
          sha256 = "@SHA256:aarch64-apple-darwin@";
        };
      };
      package =
        system:
        { target, sha256 }:
        let
          pkgs = nixpkgs.legacyPackages.${system};
        in
        pkgs.stdenvNoCC.mkDerivation {
          pname = "bbconnect";
          inherit version;
          src = pkgs.fetchurl {
            url = "@DOWNLOADS@/bbconnect-v${version}-${target}.tar.gz";
            inherit sha256;
          };
          nativeBuildInputs = [ pkgs.installShellFiles ];
          installPhase = ''
            runHook preInstall
            install -Dm755 bbconnect -t "$out/bin"
            installManPage man1/*.1
            installShellCompletion --cmd bbconnect \
              --bash completions/bbconnect.bash \
              --zsh completions/bbconnect.zsh \
              --fish completions/bbconnect.fish
            runHook postInstall
          '';
          meta = {
            description = "Command-line connection manager for Bitbucket Cloud and Data Center";
            homepage = "@REPOSITORY@";
            license = pkgs.lib.licenses.mit;
            mainProgram = "bbconnect";
            platforms = builtins.attrNames archives;
            sourceProvenance = [ pkgs.lib.sourceTypes.binaryNativeCode ];
          };
        };
    in
    {
      packages = builtins.mapAttrs (system: archive: { default = package system archive; }) archives;
    };
}
