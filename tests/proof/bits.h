/* What the provers, who know numbers but not their bits, are told of & and <<. bits.smt2 says
 * the same of words of 128 bits, and z3, which knows those, proves it there. */
#ifndef PROOF_BITS_H
#define PROOF_BITS_H

/*@ axiomatic Bits {
	axiom mask: \forall integer a, b; 0 <= a ==> 0 <= (a & b) && (a & b) <= a;
	axiom masked: \forall integer a, b; 0 <= b ==> 0 <= (a & b) && (a & b) <= b;
	axiom aligned: \forall integer v; 0 <= v <= 0xffffffffffffffff ==>
		(v & 0xfffffffffffffffc) == v - v % 4;
	axiom by4: \forall integer v; (v << 4) == v * 0x10;
	axiom by8: \forall integer v; (v << 8) == v * 0x100;
	axiom by16: \forall integer v; (v << 16) == v * 0x10000;
	axiom by32: \forall integer v; (v << 32) == v * 0x100000000;
	axiom or4: \forall integer a, b; 0 <= a < 0x10 && 0 <= b ==> (a | (b << 4)) == a + b * 0x10;
	axiom or8: \forall integer a, b; 0 <= a < 0x100 && 0 <= b ==>
		(a | (b << 8)) == a + b * 0x100;
	axiom or16: \forall integer a, b; 0 <= a < 0x10000 && 0 <= b ==>
		(a | (b << 16)) == a + b * 0x10000;
	axiom or32: \forall integer a, b; 0 <= a < 0x100000000 && 0 <= b ==>
		(a | (b << 32)) == a + b * 0x100000000;
    } */

#endif
