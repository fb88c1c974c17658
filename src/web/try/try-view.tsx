export default function View() {
  return <p>soon</p>;
}
