package wire

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// side is where a frame goes.
type side bool

const (
	toGuest side = false
	toHost  side = true
)

// segment is a TCP segment in an Ethernet frame.
type segment struct {
	frame []byte
	ip    header.IPv4
	tcp   header.TCP
}

// parse finds the TCP segment of a frame; ok is false when it has none.
func parse(frame []byte) (s segment, ok bool) {
	if len(frame) < header.EthernetMinimumSize+header.IPv4MinimumSize {
		return s, false
	}
	if binary.BigEndian.Uint16(frame[12:]) != uint16(header.IPv4ProtocolNumber) {
		return s, false
	}
	ip := header.IPv4(frame[header.EthernetMinimumSize:])
	if !ip.IsValid(len(ip)) || ip.TransportProtocol() != header.TCPProtocolNumber || ip.FragmentOffset() != 0 {
		return s, false
	}
	ip = ip[:ip.TotalLength()]
	t := header.TCP(ip.Payload())
	if len(t) < header.TCPMinimumSize || int(t.DataOffset()) < header.TCPMinimumSize || int(t.DataOffset()) > len(t) {
		return s, false
	}
	return segment{frame, ip, t}, true
}

// data is the number of bytes that a segment carries.
func (s *segment) data() int { return len(s.tcp) - int(s.tcp.DataOffset()) }

// next is the sequence number after the segment.
func (s *segment) next() uint32 {
	n := s.tcp.SequenceNumber() + uint32(s.data()) //nolint:gosec // a segment is short
	if s.tcp.Flags().Intersects(header.TCPFlagSyn) {
		n++
	}
	if s.tcp.Flags().Intersects(header.TCPFlagFin) {
		n++
	}
	return n
}

func (s *segment) has(f header.TCPFlags) bool { return s.tcp.Flags().Intersects(f) }

// refusal is the RST that answers a segment in the name of its receiver.
func (s *segment) refusal() []byte {
	return reset(s.frame, s.tcp.DestinationPort(), s.tcp.SourcePort(), true, s.tcp.AckNumber(), s.next())
}

// reset makes a frame with an RST. like gives the addresses: of a frame in the
// same direction, or (turned) in the other one.
func reset(like []byte, from, to uint16, turned bool, seq, ack uint32) []byte {
	ipLike := header.IPv4(like[header.EthernetMinimumSize:])
	src, dst := ipLike.SourceAddress(), ipLike.DestinationAddress()
	macSrc, macDst := like[6:12], like[0:6]
	if turned {
		src, dst, macSrc, macDst = dst, src, macDst, macSrc
	}
	const size = header.EthernetMinimumSize + header.IPv4MinimumSize + header.TCPMinimumSize
	b := make([]byte, size)
	copy(b[0:], macDst)
	copy(b[6:], macSrc)
	binary.BigEndian.PutUint16(b[12:], uint16(header.IPv4ProtocolNumber))
	ip := header.IPv4(b[header.EthernetMinimumSize:])
	ip.Encode(&header.IPv4Fields{
		TotalLength: header.IPv4MinimumSize + header.TCPMinimumSize, TTL: 64,
		Protocol: uint8(header.TCPProtocolNumber), SrcAddr: src, DstAddr: dst,
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	t := header.TCP(ip[header.IPv4MinimumSize:])
	t.Encode(&header.TCPFields{
		SrcPort: from, DstPort: to, SeqNum: seq, AckNum: ack,
		DataOffset: header.TCPMinimumSize, Flags: header.TCPFlagRst | header.TCPFlagAck,
	})
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, src, dst, header.TCPMinimumSize)
	t.SetChecksum(^t.CalculateChecksum(sum))
	return b
}
