set -u
seq 1 20000 > a.txt
for d in md5 sha1 sha256 sha512 sha3-256 blake2b512 ripemd160 sm3; do openssl dgst -$d a.txt; done
for c in aes-256-cbc aes-128-ctr chacha20 aria-128-cbc camellia-128-cbc des-ede3-cbc; do openssl enc -$c -K 000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f -iv 000102030405060708090a0b0c0d0e0f -in a.txt 2>/dev/null| sha256sum;done
openssl enc -aes-256-cbc -pbkdf2 -k pw -S 0011223344556677 -in a.txt | sha256sum
openssl genrsa -out k.pem 2048; openssl rsa -in k.pem -check -noout; ls -l k.pem | cut -c1-10
openssl req -x509 -new -key k.pem -days 3 -subj /CN=x -out c.pem; openssl x509 -in c.pem -noout -subject -issuer; openssl verify -CAfile c.pem c.pem
openssl dgst -sha256 -sign k.pem -out s a.txt; openssl x509 -in c.pem -pubkey -noout > p.pem; openssl dgst -sha256 -verify p.pem -signature s a.txt
openssl ecparam -genkey -name prime256v1 -out e.pem; openssl ec -in e.pem -check -noout; openssl genpkey -algorithm ed25519 -out ed.pem; openssl pkeyutl -sign -inkey ed.pem -rawin -in a.txt -out es ; openssl pkeyutl -verify -inkey ed.pem -rawin -in a.txt -sigfile es
openssl prime 1000003; openssl rand -hex 8 | wc -c; openssl version; openssl ciphers | md5sum
rm -f *.pem s es
