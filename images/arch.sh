# shellcheck shell=sh
# shellcheck disable=SC2034 # set for those who source this
# arch.sh: what the recipes have to know about the architecture $arch (sourced after cache.sh, with arch set).
#
#   $debian       its name at Debian
#   $linux_arch   its name to the kernel's make
#   $gnu          its GNU triplet
#   $cross        the prefix of its compiler and binutils: empty for this machine's own architecture
#   $dev          what the names of Debian's -dev packages for a cross compiler end in: empty, or -ARCH-cross
#   $headers      where the libc's and the kernel's headers lie
#   $asm          where the kernel's asm/ lies

# shellcheck disable=SC2154 # the caller's
case $arch in
x86_64) debian=amd64 linux_arch=x86_64 ;;
aarch64) debian=arm64 linux_arch=arm64 ;;
*) fail "no recipe for architecture $arch" ;;
esac
gnu=$arch-linux-gnu
if [ "$arch" = "$(uname -m)" ]; then
	cross='' dev='' headers=/usr/include asm=/usr/include/$gnu/asm
else
	cross=$gnu- dev=-$debian-cross headers=/usr/$gnu/include asm=/usr/$gnu/include/asm
fi
