/**
 * The command of nft(8) on a system without names of protocols and ports, as after debootstrap --variant=minbase. For `ip netns exec`,
 * which gives it mounts of its own.
 */
export const bareNft: readonly string[] = [
  "sh",
  "-c",
  'for file in /etc/protocols /etc/services; do [ ! -e $file ] || mount --bind /dev/null $file; done; exec nft "$@"',
  "nft",
];
