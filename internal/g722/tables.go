package g722

// tables are those of G.722 section 6.2, named as there. Each coder holds a pointer to its own set, since a package
// variable could be changed by anybody.
type tables struct {
	qmf [12]int32 // even half of the symmetrical 24-tap filter, times 2^13; the odd half is the same backwards
	q6  [30]int32 // decision levels of the lower sub-band
	wl  [8]int32  // logarithmic scale factor multipliers, lower
	rl4 [16]int   // 4-bit code to the index of wl
	ilb [32]int32 // inverse logarithm
	wh  [3]int32  // logarithmic scale factor multipliers, higher
	rh2 [4]int    // 2-bit code to the index of wh
	qm2 [4]int32  // inverse quantizers
	qm4 [16]int32
	qm6 [64]int32
}

func newTables() *tables {
	return &tables{
		qmf: [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11},
		q6: [30]int32{
			0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650,
			714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
		},
		wl:  [8]int32{-60, -30, 58, 172, 334, 538, 1198, 3042},
		rl4: [16]int{0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0},
		ilb: [32]int32{
			2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
			2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
		},
		wh:  [3]int32{0, -214, 798},
		rh2: [4]int{2, 1, 2, 1},
		qm2: [4]int32{-7408, -1616, 7408, 1616},
		qm4: [16]int32{
			0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
		},
		qm6: [64]int32{
			-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
			-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
			24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
			4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
		},
	}
}
